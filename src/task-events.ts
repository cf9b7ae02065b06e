import { type Ending, outcomeOf, parseBody } from './outcome.ts'
import type { TaskEvent } from './task-handle.ts'
import type { Watcher } from './watches.ts'

/** What waits for a reader; the result of an outcome is fetched when that is read. */
type Queued<Output> = TaskEvent<Output> | { readonly type: 'ended'; readonly ending: Ending }

/** Events that wait for a slow reader; of more, the oldest are dropped. */
const queuedMax = 1_000

/** Gathers what happens to a task for one reader. */
export class TaskEvents<Output> implements Watcher {
  readonly #taskId: string
  readonly #node: string
  readonly #load: (ending: Ending) => Promise<Ending>
  #queue: Queued<Output>[] = []
  #error: Error | undefined
  #isOver = false
  #wake: (() => void) | undefined

  /** `load` fetches the result that an ending names. */
  constructor(
    taskId: string,
    node: string,
    load: (ending: Ending) => Promise<Ending> = async ending => ending,
  ) {
    this.#taskId = taskId
    this.#node = node
    this.#load = load
  }

  ended(ending: Ending): void {
    this.#isOver = true
    this.#push({ type: 'ended', ending })
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
        for (const event of events) {
          yield event.type === 'ended' ? await this.#outcome(event.ending) : event
        }
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

  async #outcome(ending: Ending): Promise<TaskEvent<Output>> {
    const whole = ending.large === undefined ? ending : await this.#load(ending)
    return { type: 'outcome', outcome: outcomeOf(this.#taskId, whole) }
  }

  #push(event: Queued<Output>): void {
    if (this.#queue.length >= queuedMax) this.#queue.shift()
    this.#queue.push(event)
    this.#wake?.()
  }
}
