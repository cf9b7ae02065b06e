import { constants } from 'node:os'
import { InvalidMessageError } from '@libp2p/interface'
import { asFields, asText, count, type Fields, list, optionalText, text } from './json-fields.ts'
import type { FoundTask } from './found-task.ts'
import type { TaskFailedReason } from './errors.ts'
import { parseTaskId } from './core/ids.ts'
import type { Ranges } from './core/ranges.ts'
import type { LedgerQueue, TaskPage } from './local-tasks.ts'
import type { NodeInfo, TaskInfo, TaskState } from './task-info.ts'

/*
 * What nodes ask each other beside the protocol: small JSON requests with one answer each.
 * Nothing rests on the answers but what is shown to users.
 */

/** Version of these requests and answers. */
export const queryVersion = 1

/** Longest request, in bytes. */
export const requestBytesMax = 16_384

/** Longest answer, in bytes. */
export const answerBytesMax = 256 * 1_024

/** Bytes of a command's output in one answer, where they are in base64. */
export const outputBytesMax = 128 * 1_024

/** Most tasks of one page; some 400 bytes each. */
export const pageTasksMax = 250

/** Longest reason of a cancel, in characters. */
export const cancelCharsMax = 500

/** Most tasks that are cancelled by one request. */
export const cancelTasksMax = 512

/** What a node may be asked. */
export type QueryRequest =
  | { readonly type: 'node' }
  | { readonly type: 'queues' }
  | { readonly type: 'task'; readonly id: string }
  | {
      readonly type: 'tasks'
      readonly queue?: string | undefined
      readonly state?: TaskState | undefined
      readonly after?: string | undefined
      readonly limit: number
    }
  | { readonly type: 'cancel'; readonly id: string; readonly reason: string }
  /** Cancels some tasks of a ledger, at most 512. */
  | {
      readonly type: 'cancel-tasks'
      readonly ledger: string
      readonly seqs: Ranges
      readonly reason: string
    }
  /** Asks for what a command that runs there has written, from an offset on. */
  | { readonly type: 'output'; readonly id: string; readonly from: number }
  /** Asks to signal the processes of a command that runs there. */
  | { readonly type: 'signal'; readonly id: string; readonly signal: NodeJS.Signals }
  /** Asks whether the asking node can be reached at a port of the host that it is seen at. */
  | { readonly type: 'dial-back'; readonly port: number }

/** Some of what a command has written. */
export interface OutputPart {
  /** Fencing token of the run. */
  readonly token: number
  /** Frames, from the offset on that was asked for. */
  readonly base64: string
}

/** The answers to it. */
export interface QueryAnswers {
  readonly node: NodeInfo
  readonly queues: { readonly rows: readonly LedgerQueue[] }
  /** Absent where the asked node does not know the task. */
  readonly task: Partial<FoundTask>
  readonly tasks: TaskPage
  /** Absent where the asked node does not know the task. */
  readonly cancel: { readonly cancelled?: boolean | undefined }
  /** Absent where the asked node does not know the ledger. */
  readonly 'cancel-tasks': { readonly cancelled?: Ranges | undefined }
  /** Absent where it does not run there. */
  readonly output: { readonly part?: OutputPart | undefined }
  readonly signal: { readonly sent: boolean }
  /** Absent where nothing was tried. */
  readonly 'dial-back': {
    readonly tried?: { readonly address: string; readonly reached: boolean } | undefined
  }
}

const portMax = 65_535

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** A request or an answer as it travels. */
export function encodeQuery(message: object): Uint8Array {
  return encoder.encode(JSON.stringify({ v: queryVersion, ...message }))
}

/**
 * What a peer has asked.
 *
 * @throws {InvalidMessageError} It is no request of this version.
 */
export function decodeRequest(bytes: Uint8Array): QueryRequest {
  const fields = decode(bytes, requestBytesMax)
  switch (fields['type']) {
    case 'node':
      return { type: 'node' }
    case 'queues':
      return { type: 'queues' }
    case 'task':
      return { type: 'task', id: text(fields, 'id') }
    case 'cancel':
      return { type: 'cancel', id: text(fields, 'id'), reason: text(fields, 'reason') }
    case 'cancel-tasks':
      return {
        type: 'cancel-tasks',
        ledger: text(fields, 'ledger'),
        seqs: rangesIn(fields, 'seqs'),
        reason: text(fields, 'reason'),
      }
    case 'output':
      return { type: 'output', id: text(fields, 'id'), from: count(fields, 'from') }
    case 'signal':
      return { type: 'signal', id: text(fields, 'id'), signal: signalIn(fields) }
    case 'dial-back':
      return { type: 'dial-back', port: count(fields, 'port', portMax) }
    case 'tasks':
      return {
        type: 'tasks',
        queue: optionalText(fields, 'queue'),
        state: isState(fields['state']) ? fields['state'] : undefined,
        after: optionalText(fields, 'after'),
        limit: count(fields, 'limit', pageTasksMax),
      }
    default:
      throw new InvalidMessageError('A query is of an unknown type')
  }
}

/**
 * What a peer has answered, with only those fields that are known, each of its type.
 *
 * @throws {InvalidMessageError} It is no answer to such a request.
 */
export function decodeAnswer<T extends QueryRequest['type']>(
  type: T,
  bytes: Uint8Array,
): QueryAnswers[T]
export function decodeAnswer(
  type: QueryRequest['type'],
  bytes: Uint8Array,
): QueryAnswers[QueryRequest['type']] {
  const fields = decode(bytes, answerBytesMax)
  switch (type) {
    case 'node':
      return nodeFrom(fields)
    case 'queues':
      return { rows: list(fields, 'rows', rowFrom) }
    case 'task':
      return fields['task'] === undefined ? {} : foundFrom(fields)
    case 'tasks':
      return { tasks: list(fields, 'tasks', taskFrom), next: optionalText(fields, 'next') }
    case 'cancel-tasks':
      return fields['cancelled'] === undefined ? {} : { cancelled: rangesIn(fields, 'cancelled') }
    case 'output':
      return fields['part'] === undefined ? {} : { part: partFrom(fields['part']) }
    case 'signal':
      return { sent: fields['sent'] === true }
    case 'dial-back':
      return fields['tried'] === undefined ? {} : { tried: triedFrom(fields['tried']) }
    default: {
      const cancelled = fields['cancelled']
      return typeof cancelled === 'boolean' ? { cancelled } : {}
    }
  }
}

function decode(bytes: Uint8Array, bytesMax: number): Fields {
  if (bytes.length > bytesMax) {
    throw new InvalidMessageError(`A query of ${bytes.length} bytes is over ${bytesMax} bytes`)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(decoder.decode(bytes))
  } catch (error) {
    throw Object.assign(new InvalidMessageError('A query is not JSON'), { cause: error })
  }
  const fields = asFields(parsed)
  if (fields['v'] !== queryVersion) {
    throw new InvalidMessageError(`A query is not of version ${queryVersion}`)
  }
  return fields
}

function nodeFrom(fields: Fields): NodeInfo {
  const labels = Object.entries(asFields(fields['labels']))
  return {
    peerId: text(fields, 'peerId'),
    addresses: list(fields, 'addresses', asText),
    guest: fields['guest'] === true,
    queues: list(fields, 'queues', asText),
    concurrency: count(fields, 'concurrency'),
    running: count(fields, 'running'),
    labels: Object.fromEntries(labels.map(([name, value]) => [name, asText(value)])),
    peers: list(fields, 'peers', asText),
    version: text(fields, 'version'),
  }
}

function triedFrom(value: unknown): { address: string; reached: boolean } {
  const fields = asFields(value)
  return { address: text(fields, 'address'), reached: fields['reached'] === true }
}

/** Ranges of tasks, in order and without overlap: their firsts and counts. */
function rangesIn(fields: Fields, name: string): Ranges {
  const ranges = list(fields, name, value => count({ value }, 'value'))
  let end = 0
  let tasks = 0
  for (let i = 0; i < ranges.length; i += 2) {
    const [first = 0, length = 0] = ranges.slice(i, i + 2)
    tasks += length
    if (first < end || length === 0) throw new InvalidMessageError(`${name} are no ranges`)
    end = first + length
  }
  if (tasks <= cancelTasksMax) return ranges
  throw new InvalidMessageError(`${name} may have ${cancelTasksMax} tasks, not ${tasks}`)
}

function signalIn(fields: Fields): NodeJS.Signals {
  const name = text(fields, 'signal')
  if (!Object.hasOwn(constants.signals, name)) throw new InvalidMessageError('No such signal')
  return name as NodeJS.Signals
}

function partFrom(value: unknown): OutputPart {
  const fields = asFields(value)
  const { base64 } = fields
  if (typeof base64 !== 'string') throw new InvalidMessageError('Output was expected')
  return { token: count(fields, 'token'), base64 }
}

function rowFrom(value: unknown): LedgerQueue {
  const fields = asFields(value)
  return {
    ledger: text(fields, 'ledger'),
    queue: text(fields, 'queue'),
    pending: count(fields, 'pending'),
    delayed: count(fields, 'delayed'),
    running: count(fields, 'running'),
    done: count(fields, 'done'),
    failed: count(fields, 'failed'),
    cancelled: count(fields, 'cancelled'),
  }
}

/** The name of a later generation must be one, since it is asked for next. */
function foundFrom(fields: Fields): FoundTask {
  const { generation, forkId } = asFields(fields['task'])
  const task = taskFrom(fields['task'])
  const alone = fields['alone'] === true
  if (forkId === undefined && generation === undefined) return { task, alone }
  const isFork = typeof forkId === 'string' && parseTaskId(forkId) !== undefined
  if (!isFork || !isGeneration(generation)) {
    throw new InvalidMessageError('A task is of no generation')
  }
  return { task: { ...task, generation, forkId }, alone }
}

function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 1
}

function taskFrom(value: unknown): TaskInfo {
  const fields = asFields(value)
  const { state, reason, priority } = fields
  if (!isState(state)) throw new InvalidMessageError('A task is in no state')
  return {
    id: text(fields, 'id'),
    queue: text(fields, 'queue'),
    state,
    priority: Number.isInteger(priority) ? Number(priority) : 0,
    attempts: count(fields, 'attempts'),
    failures: count(fields, 'failures'),
    grants: count(fields, 'grants'),
    node: optionalText(fields, 'node'),
    reason: isReason(reason) ? reason : undefined,
    expired: fields['expired'] === true,
    ageMs: count(fields, 'ageMs'),
    dueMs: count(fields, 'dueMs'),
  }
}

const states: ReadonlySet<unknown> = new Set<TaskState>([
  'pending',
  'delayed',
  'blocked',
  'running',
  'done',
  'failed',
  'cancelled',
])

const reasons: ReadonlySet<unknown> = new Set<TaskFailedReason>([
  'attempts',
  'unrecoverable',
  'deliveries',
  'timeout',
  'expired',
  'dependency',
  'result',
])

/** Whether a value is the name of a state. */
export function isState(value: unknown): value is TaskState {
  return states.has(value)
}

function isReason(value: unknown): value is TaskFailedReason {
  return reasons.has(value)
}
