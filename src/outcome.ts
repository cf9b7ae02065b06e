import { decodeBody, isReference, type LargeBody } from './blobs/reference.ts'
import type { FailedReason, OutcomeKind, Values } from './core/messages.ts'
import { seqsOf } from './core/ranges.ts'
import { TaskCancelledError, TaskFailedError } from './errors.ts'
import type { TaskOutcome } from './task-handle.ts'

/** How one task has ended, its body still as JSON. */
export interface Ending {
  readonly kind: OutcomeKind
  readonly failures: number
  readonly reason: FailedReason | ''
  /** Peer id of the worker of the last run; '' if none ran. */
  readonly by: string
  /** Result, error note or cancel reason. */
  readonly text: string
  /** What the result is instead, where it is too large, is bytes, or has blobs in it. */
  readonly large?: LargeBody | undefined
  /** The generation that it is of, and the name of the task there, unless it is the first. */
  readonly fork?: { readonly generation: number; readonly taskId: string } | undefined
  /** What such a result is, once it has been fetched. */
  readonly loaded?: { readonly value: unknown } | undefined
}

/** Calls back with each decided task that is wanted; the bodies of others are not read. */
export function eachEnding(
  values: Values,
  visit: (seq: number, ending: Ending) => void,
  isWanted: (seq: number) => boolean = () => true,
): void {
  const { kind, failures, reason, by, lengths, body } = values
  if (kind === 'pending') return
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  let at = 0
  let index = 0
  for (const seq of seqsOf(values.seqs)) {
    const end = at + (lengths[index] ?? 0)
    if (isWanted(seq)) {
      const large = isReference(bytes, at, end - at)
        ? decodeBody(bytes.subarray(at, end))
        : undefined
      const text = large === undefined ? bytes.toString('utf8', at, end) : ''
      visit(seq, { kind, failures, reason, by, text, large })
    }
    at = end
    index++
  }
}

/** An ending with its body read. */
export function outcomeOf<Output>(taskId: string, ending: Ending): TaskOutcome<Output> {
  const { fork } = ending
  const outcome = firstOutcomeOf<Output>(taskId, ending)
  if (fork === undefined) return outcome
  return { ...outcome, generation: fork.generation, forkId: fork.taskId }
}

function firstOutcomeOf<Output>(taskId: string, ending: Ending): TaskOutcome<Output> {
  const { kind, by, failures, text } = ending
  switch (kind) {
    case 'done':
      return {
        taskId,
        state: 'done',
        result: resultIn(ending) as Output,
        node: by,
        attempt: failures + 1,
      }
    case 'failed':
      return {
        taskId,
        state: 'failed',
        reason: failedReason(ending),
        error: errorOf(text),
        node: by,
        attempt: failures,
      }
    default:
      return {
        taskId,
        state: kind,
        reason: cancelReason(text),
        node: by,
        attempt: failures,
      }
  }
}

/**
 * What a task gives to those who want its result.
 *
 * @throws {TaskFailedError} It has failed.
 * @throws {TaskCancelledError} It was cancelled.
 */
export function resultOf(taskId: string, ending: Ending): unknown {
  if (ending.kind === 'done') return resultIn(ending)
  if (ending.kind === 'cancelled') {
    throw new TaskCancelledError(taskId, cancelReason(ending.text))
  }
  const cause = errorOf(ending.text)
  const options = cause === undefined ? undefined : { cause }
  throw new TaskFailedError(taskId, failedReason(ending), ending.failures, options)
}

function resultIn({ text, loaded }: Ending): unknown {
  return loaded === undefined ? parseBody(text) : loaded.value
}

/** The body of a cancel: its reason as JSON. */
export function cancelBody(reason: string | undefined): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(reason ?? ''))
}

/** The reason that was given to a cancel; '' for none. */
export function cancelReason(text: string): string {
  const reason = parseBody(text)
  return typeof reason === 'string' ? reason : ''
}

/** The error that a note tells of, or `undefined` where there is none. */
export function errorOf(text: string): Error | undefined {
  const note = parseBody(text)
  if (typeof note !== 'object' || note === null) return undefined
  const { name, message, stack } = note as Readonly<Record<string, unknown>>
  const error = new Error(typeof message === 'string' ? message : '')
  error.name = typeof name === 'string' ? name : 'Error'
  // Where it was thrown, on another machine, instead of where it was read.
  error.stack = typeof stack === 'string' ? stack : `${error.name}: ${error.message}`
  return error
}

function failedReason({ reason }: Ending): FailedReason {
  return reason === '' ? 'attempts' : reason
}

/**
 * Reads a result, a note or a progress value. Whoever ran the task wrote it: what is no JSON is
 * nothing, and no error of the reader.
 */
export function parseBody(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
