import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { oneLine, printable } from './errors.ts'

/** Where a command's words go: the only place of the package that writes to the terminal. */
export interface Output {
  /** Whether the user asked for one JSON object per line. */
  readonly json: boolean
  /** Whether stdout is a terminal, which is not for any bytes. */
  readonly isTerminal: boolean
  /** A result on stdout: the record as JSON, or else the text; nothing if there is no text. */
  result(record: Readonly<Record<string, unknown>>, text: string | undefined): void
  /** Rows under a header on stdout, in columns; as JSON one object per row. */
  table(columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): void
  /** What is in a file, on stdout. */
  file(path: string): Promise<void>
  /** Bytes as they are, on stdout (1) or stderr (2); resolves when there is room for more. */
  bytes(stream: 1 | 2, bytes: Uint8Array): Promise<void>
  /** A line for people, on stderr. */
  note(text: string): void
  /** A warning, on stderr. */
  warn(text: string): void
  /** An error, on stderr: one line, whatever the message is. */
  error(error: unknown): void
}

const toStdout = process.stdout.write.bind(process.stdout)

/**
 * Words of this process, to its own stdout and stderr. With `json` nothing else comes to stdout:
 * what handlers print is led to stderr.
 */
export function createOutput(json: boolean): Output {
  if (json) process.stdout.write = process.stderr.write.bind(process.stderr)
  const print = (text: string): void => void toStdout(`${text}\n`)
  const note = (text: string): void => console.error(text)

  return {
    json,
    isTerminal: process.stdout.isTTY,
    result(record, text) {
      if (json) print(JSON.stringify(record))
      else if (text !== undefined) print(text)
    },
    table(columns, rows) {
      if (json) for (const row of rows) print(JSON.stringify(row))
      else for (const line of layOut(columns, rows)) print(line)
    },
    async file(path) {
      await pipeline(createReadStream(path), process.stdout, { end: false })
    },
    async bytes(stream, bytes) {
      const target = stream === 1 ? process.stdout : process.stderr
      if (!target.write(bytes)) await once(target, 'drain').catch(() => undefined)
    },
    note,
    warn: text => note(`warning: ${text}`),
    error: error => note(`error: ${oneLine(error)}`),
  }
}

/** Calls back when what reads stdout has gone away, as with `| head`; it is not told any more. */
export function onReaderGone(gone: () => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    gone()
  })
}

function layOut(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, unknown>>[],
): string[] {
  const cells = rows.map(row => columns.map(column => cell(row[column])))
  const all = [columns.map(column => column.toUpperCase()), ...cells]
  const widths = columns.map((_, index) => Math.max(...all.map(row => row[index]?.length ?? 0)))
  return all.map(row =>
    row
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '-'
  if (Array.isArray(value)) return value.length > 0 ? value.map(cell).join(' ') : '-'
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}
