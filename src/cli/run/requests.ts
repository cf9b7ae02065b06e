import { constants } from 'node:os'
import type { PublishOptions } from '../../index.ts'
import type { OutputStream } from '../../shell/frames.ts'
import { fieldsOf } from '../../shell/task.ts'
import { UsageError } from '../errors.ts'

/** Runs the commands that follow, and tells what they write and how they end. */
export interface RunRequest {
  readonly op: 'run'
  /** `attempts` is how often a command may fail. */
  readonly options: PublishOptions
  /** Give up when nobody can run them, or takes them, for this long, in milliseconds. */
  readonly waitTimeoutMs: number
  /** Whether their output is told in their order, instead of that in which they end. */
  readonly keepOrder: boolean
  /** Whether output is told while it is written; of one command only. */
  readonly live: boolean
}

/** A file that a command is sent. */
export interface SentFile {
  /** Within its working folder. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  /** Absolute path of the file here. */
  readonly file: string
}

/** A file that is wanted back. */
export interface WantedFile {
  /** Within the command's working folder. */
  readonly path: string
  /** Absolute path that it gets here. */
  readonly file: string
}

/** A command of a request. */
export interface CommandInput {
  readonly type: 'command'
  /** Counts them, from 1. */
  readonly seq: number
  readonly command: string
  readonly send: readonly SentFile[]
  readonly return: readonly WantedFile[]
}

/** What follows a request. */
export type RunInput =
  | CommandInput
  /** No more commands follow. */
  | { readonly type: 'last' }
  /** Signals the commands that run; where that cannot be, they are cancelled. */
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals }
  /** Cancels what has not begun to run, or all. */
  | { readonly type: 'halt'; readonly when: 'soon' | 'now' }

/** Some output of a command. That of one follows that of another. */
export interface OutputReply {
  readonly type: 'output'
  readonly seq: number
  readonly stream: OutputStream
  readonly base64: string
}

/** What was told of a command's output is not what it has written in the end; all of it follows. */
export interface AgainReply {
  readonly type: 'again'
  readonly seq: number
}

/** A command has ended, and its files are where they are wanted. Its output follows. */
export interface EndedReply {
  readonly type: 'ended'
  readonly seq: number
  readonly taskId: string
  readonly state: 'done' | 'failed' | 'cancelled'
  readonly code: number | null
  /** Name of the signal that ended it. */
  readonly signal: string | null
  readonly timedOut: boolean
  readonly runMs: number
  /** Why it could not be run, or what has not come back. */
  readonly error?: string | undefined
  /** Peer id of the node that has run it; absent if none has. */
  readonly node?: string | undefined
  readonly attempt?: number | undefined
  /** Bytes of the files that it was sent, and those of its output and of the files that came back. */
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** All output of a command has been told. */
export interface ShownReply {
  readonly type: 'shown'
  readonly seq: number
}

export type RunReply = OutputReply | AgainReply | EndedReply | ShownReply

/**
 * Checks what follows a request.
 *
 * @throws {UsageError} It is nothing that may follow one.
 */
export function parseRunInput(value: unknown): RunInput {
  const { type, ...input } = fieldsOf(value)
  const isCommand =
    type === 'command' &&
    typeof input['seq'] === 'number' &&
    typeof input['command'] === 'string' &&
    areFiles(input['send']) &&
    areFiles(input['return'])
  const isSignal = type === 'signal' && Object.hasOwn(constants.signals, String(input['signal']))
  const isHalt = type === 'halt' && (input['when'] === 'soon' || input['when'] === 'now')
  if (isCommand || isSignal || isHalt || type === 'last') return value as RunInput
  throw new UsageError('A command was expected')
}

function areFiles(files: unknown): boolean {
  if (!Array.isArray(files)) return false
  return files.every(value => {
    const { path, file } = fieldsOf(value)
    return typeof path === 'string' && typeof file === 'string'
  })
}
