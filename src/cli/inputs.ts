import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { UsageError, oneLine } from './errors.ts'
import { linesOf } from './lines.ts'

/** Longest JSON of one input, in bytes: it is read as a whole, here and where it runs. */
const inputBytesMax = 64 * 2 ** 20

/** What to do with more. */
const asBytes = ' of JSON; publish it as bytes, with --raw'

/** Where the inputs of a `publish` come from. */
export interface InputSource {
  /** JSON, `@FILE`, `-` for stdin, or nothing. */
  readonly argument: string | undefined
  /** Whether each line is an input of its own. */
  readonly ndjson: boolean
  readonly stdin: Readable
}

/**
 * The inputs of a `publish`, in batches as they come. Without an argument a task has no input,
 * unless `--ndjson` says that stdin has them.
 *
 * @throws {UsageError} One is not JSON, or its file cannot be read.
 */
export async function* readInputs(source: InputSource): AsyncGenerator<readonly unknown[]> {
  const { argument, ndjson, stdin } = source
  if (ndjson) {
    yield* batchesOf(linesOf(bytesOf(argument ?? '-', stdin), inputBytesMax))
    return
  }
  if (argument === undefined) {
    yield [null]
    return
  }
  const text = await readAll(bytesOf(argument, stdin))
  yield [parse(text, argument.startsWith('@') ? argument.slice(1) : 'The input')]
}

async function* batchesOf(
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<readonly unknown[]> {
  let number = 0
  for await (const lines of batches) {
    const inputs: unknown[] = []
    for (const line of lines) {
      number += 1
      if (line.trim() !== '') inputs.push(parse(line, `Line ${number}`))
    }
    if (inputs.length > 0) yield inputs
  }
}

async function* oneOf(text: string): AsyncGenerator<string> {
  yield text
}

/** The bytes behind an argument. */
export function bytesOf(argument: string, stdin: Readable): AsyncIterable<Uint8Array | string> {
  if (argument === '-') return stdin
  return argument.startsWith('@') ? readFileOf(argument.slice(1)) : oneOf(argument)
}

async function* readFileOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file)
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${oneLine(error)}`, { cause: error })
  }
}

async function readAll(source: AsyncIterable<Uint8Array | string>): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of source) {
    const part = typeof piece === 'string' ? Buffer.from(piece) : piece
    bytes += part.byteLength
    if (bytes > inputBytesMax) {
      throw new UsageError(`The input is longer than ${inputBytesMax} bytes${asBytes}`)
    }
    pieces.push(part)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${what} is not JSON: ${oneLine(error)}`, { cause: error })
  }
}
