import { type Ending, outcomeOf, parseBody } from './outcome.ts'
import type { TaskEvent } from './task-handle.ts'
import type { Watcher } from './watches.ts'

/** Events that wait for a slow reader; of more, the oldest are dropped. */
const queuedMax = 1_000

/** Gathers what happens to a task for one reader. */
export class TaskEvents<Output> implements Watcher {
  readonly #taskId: string
  readonly #node: string
  #queue: TaskEvent<Output>[] = []
  #error: Error | undefined
  #isOver = false
  #wake: (() => void) | undefined

  constructor(taskId: string, node: string) {
    this.#taskId = taskId
    this.#node = node
  }

  ended(ending: Ending): void {
    this.#isOver = true
    this.#push({ type: 'outcome', outcome: outcomeOf(this.#taskId, ending) })
  }

  failed(error: Error): void {
    this.#isOver = true
    this.#error = error
    this.#wake?.()
  }

  readonly progress = (kind: 'progress' | 'log', text: string): void => {
    this.#push(
      kind === 'log' ? { type: 'log', line: text } : { type: 'progress', value: parseBody(text) },
    )
  }

  readonly claimed = (token: number): void => {
    this.#push({ type: 'attempt', node: this.#node, token })
  }

  /** Everything up to the outcome; ends early with the signal's reason. */
  async *read(signal: AbortSignal | undefined): AsyncGenerator<TaskEvent<Output>> {
    const onAbort = (): void => this.#wake?.()
    signal?.addEventListener('abort', onAbort)
    try {
      for (;;) {
        signal?.throwIfAborted()
        const events = this.#queue
        this.#queue = []
        yield* events
        if (this.#queue.length > 0 || signal?.aborted === true) continue
        if (this.#error !== undefined) throw this.#error
        if (this.#isOver) return
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #push(event: TaskEvent<Output>): void {
    if (this.#queue.length >= queuedMax) this.#queue.shift()
    this.#queue.push(event)
    this.#wake?.()
  }
}
