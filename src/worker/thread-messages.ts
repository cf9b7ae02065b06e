import type { MessagePort } from 'node:worker_threads'
import type { AttemptInit } from './attempt.ts'
import type { StoredBlob } from '../blobs/ports.ts'
import type { Outcome } from './outcome.ts'
import type { ThreadBytes } from './thread-blobs.ts'
import type { ContextPublishOptions, PublishedTask } from './definition.ts'

/** What every thread, or process, of a pool is started with. */
export interface ThreadData {
  readonly node: string
  readonly maxResultBytes: number
  /** Where results of bytes go; absent where there is no place for them. */
  readonly blobs: { readonly directory: string | undefined } | undefined
}

/** One run for a thread or a process; answered by its `Outcome`. */
export interface ThreadTask extends AttemptInit {
  /** Names the run between the threads. */
  readonly id: number
  readonly queue: string
  readonly file: string
  /** JSON, or bytes. */
  readonly payload: string | ThreadBytes
  /** Blobs that JSON names. */
  readonly blobs: readonly ThreadBytes[]
}

/** A thread's own channel to the main thread, sent once. */
export interface LineOpened {
  readonly type: 'meshwork:line'
  readonly thread: number
  readonly port: MessagePort
}

/** What a thread says on its line, or a process. */
export type FromThread =
  /** The handler is called now, which may block the thread. */
  | { readonly type: 'started'; readonly id: number }
  | {
      readonly type: 'report'
      readonly id: number
      readonly kind: 'progress' | 'log'
      readonly body: string
    }
  | {
      readonly type: 'publish'
      readonly call: number
      readonly queue: string
      /** JSON, or bytes. */
      readonly input: string | ThreadBytes
      /** Blobs that JSON names; they are of this run. */
      readonly blobs: readonly StoredBlob[]
      readonly options: ContextPublishOptions
    }

/** What a thread is told on its line, or a process. */
export type ToThread =
  | { readonly type: 'abort'; readonly id: number; readonly reason: string }
  | { readonly type: 'published'; readonly call: number; readonly task: PublishedTask }
  | {
      readonly type: 'publish-failed'
      readonly call: number
      readonly name: string
      readonly message: string
    }

/** What a process says: it has no other channel for outcomes. */
export type FromProcess =
  | FromThread
  | { readonly type: 'ended'; readonly id: number; readonly outcome: Outcome }
  /** It ends, of an error that nobody has caught. */
  | { readonly type: 'uncaught'; readonly outcome: Outcome }

/** What a process is told, after its `ThreadData`. */
export type ToProcess = ToThread | { readonly type: 'run'; readonly task: ThreadTask }

/** Address of the first file of another thread or process: `.js` as built, `.ts` in the source. */
export function threadFile(name: 'thread' | 'inspect' | 'handler-main'): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./${name}.${extension}`, import.meta.url)
}
