import type { Effect } from '../core/effects.ts'
import type { Entry } from '../core/entries.ts'
import type { Input } from '../core/inputs.ts'
import type { Message, Values } from '../core/messages.ts'
import type { Ranges } from '../core/ranges.ts'

/** What the trace tells of: inputs, effects, and what befalls nodes. */
type What = Input | Effect | { readonly type: 'fault'; readonly text: string }

interface Line {
  atMs: number
  node: string
  what: What
}

/** Lines that a report of a failure shows. */
const linesMax = 400

/**
 * The story of a run: a running hash over every input and effect, which two runs of a seed
 * share, and the last lines in words for a report. Lines become text only when asked for.
 */
export class Trace {
  #low = 0x811c9dc5
  #high = 0x9e3779b9
  readonly #lines: Line[] = []
  #next = 0
  readonly #onLine: ((line: string) => void) | undefined

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine
  }

  /** 16 hex digits that stand for everything that has happened so far. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
    return hex(this.#high) + hex(this.#low)
  }

  /** The last lines, oldest first. */
  lines(): string[] {
    const ordered = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)]
    return ordered.map(line => lineText(line))
  }

  add(atMs: number, node: string, what: What): void {
    this.number(atMs * 1_024)
    this.text(node)
    this.text(what.type)
    const line = this.#lines[this.#next]
    if (line === undefined) this.#lines.push({ atMs, node, what })
    else {
      line.atMs = atMs
      line.node = node
      line.what = what
    }
    this.#next = (this.#next + 1) % linesMax
    this.#onLine?.(lineText({ atMs, node, what }))
  }

  /** Hashes the bytes of a message or an entry. */
  bytes(bytes: Uint8Array): void {
    let low = this.#low
    let high = this.#high
    for (let i = 0; i < bytes.length; i++) {
      low = Math.imul(low ^ (bytes[i] as number), 0x01000193)
      high = Math.imul(high + low, 0x85ebca6b) ^ (high >>> 15)
    }
    this.#low = low
    this.#high = high
  }

  /** Hashes a number. */
  number(value: number): void {
    this.#low = Math.imul(this.#low ^ (value | 0), 0x01000193) ^ (this.#low >>> 13)
    this.#high = Math.imul(this.#high + ((value / 2 ** 32) | 0) + this.#low, 0x85ebca6b)
  }

  /** Hashes a text. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) {
      this.#low = Math.imul(this.#low ^ text.charCodeAt(i), 0x01000193)
    }
    this.#high = Math.imul(this.#high + this.#low, 0x85ebca6b) ^ (this.#high >>> 15)
  }
}

function lineText({ atMs, node, what }: Line): string {
  return `${atMs.toFixed(3).padStart(12)} ${node.padEnd(4)} ${describe(what)}`
}

function describe(what: What): string {
  switch (what.type) {
    case 'fault':
      return `** ${what.text}`
    case 'received':
      return `<- ${what.from} ${messageText(what.message)} lsn ${what.lsn}`
    case 'send':
      return `-> ${what.to} ${messageText(what.message)} after ${what.after}`
    case 'persist':
      return `#${what.lsn} ${entryText(what.entry)}`
    case 'run':
      return `run ${what.ledger.slice(0, 8)} ${ranges(what.seqs)} token ${what.token}`
    default:
      return `${what.type} ${plainText(what)}`
  }
}

function messageText(message: Message): string {
  return `${message.type.toUpperCase()} ${plainText(message)}`
}

function entryText(entry: Entry): string {
  return `${entry.type} ${plainText(entry)}`
}

const rangeFields = new Set(['seqs', 'granted', 'stored', 'settled', 'conflict', 'full'])
const moreRangeFields = new Set(['accepted', 'behind', 'missing', 'cancelled', 'tooLate'])

function plainText(value: object): string {
  return Object.entries(value)
    .filter(([name]) => name !== 'type')
    .map(([name, field]) => `${name}=${fieldText(name, field)}`)
    .filter(text => !text.endsWith('='))
    .join(' ')
}

function fieldText(name: string, field: unknown): string {
  if (typeof field === 'string') return /^[0-9a-f]{32}$/.test(field) ? field.slice(0, 8) : field
  if (typeof field !== 'object' || field === null) return String(field)
  if (field instanceof Uint8Array) return field.length === 0 ? '' : `${field.length}B`
  if (field instanceof Uint32Array) return ''
  if (Array.isArray(field)) {
    if ((rangeFields.has(name) || moreRangeFields.has(name)) && typeof field[0] !== 'object') {
      return ranges(field as Ranges)
    }
    return field.length === 0 ? '' : `[${field.map(one => fieldText('', one)).join(', ')}]`
  }
  if ('counter' in field && 'proposer' in field)
    return `${String(field.counter)}@${String(field.proposer)}`
  if ('queue' in field && 'attempts' in field) return String(field.queue)
  if ('lengths' in field && 'kind' in field) return valuesText(field as Values)
  return `{${plainText(field)}}`
}

function valuesText({ seqs, kind, reason, by, failures }: Values): string {
  return `${ranges(seqs)}:${kind}${reason === '' ? '' : `(${reason})`}/${failures}${by && `@${by}`}`
}

function ranges(set: Ranges): string {
  const runs: string[] = []
  for (let i = 0; i < set.length; i += 2) {
    const first = set[i] as number
    const count = set[i + 1] as number
    runs.push(count === 1 ? `${first}` : `${first}-${first + count - 1}`)
  }
  return runs.join(',')
}
