import type { OutcomesCollected, OutcomesKnown } from './core/effects.ts'
import { type LedgerId, taskId } from './core/ids.ts'
import type { Input } from './core/inputs.ts'
import type { Fork } from './core/forks.ts'
import type { Values } from './core/messages.ts'
import { fromSeqs, seqsOf } from './core/ranges.ts'
import { ResultExpiredError } from './errors.ts'
import { eachEnding, type Ending } from './outcome.ts'

/** Somebody who waits for a task. */
export interface Watcher {
  ended(ending: Ending): void
  /** Nothing will be heard: the node has stopped, or the outcome is not kept any more. */
  failed(error: Error): void
  /** Wants progress, as JSON, and log lines, too. */
  readonly progress?: ((kind: 'progress' | 'log', text: string) => void) | undefined
  /** A run has begun on this node. */
  readonly claimed?: ((token: number) => void) | undefined
}

type Changes = Map<LedgerId, Set<number>>

/**
 * Who waits for which tasks. What is asked for within one microtask goes to the core as ranges:
 * a caller that wants a hundred thousand results makes one request of them.
 */
export class Watches {
  readonly #input: (input: Input) => void
  readonly #ledgers = new Map<LedgerId, Map<number, Set<Watcher>>>()
  #added: Changes = new Map()
  #addedProgress: Changes = new Map()
  #removed: Changes = new Map()
  #scheduled = false
  #failure: Error | undefined
  /** Watchers that want to hear of runs: few, and without any no claim is looked through. */
  readonly #attentive = new Set<Watcher>()

  constructor(input: (input: Input) => void) {
    this.#input = input
  }

  /** Waits for a task until it has ended or the returned function is called. */
  add(ledger: LedgerId, seq: number, watcher: Watcher): () => void {
    if (this.#failure !== undefined) {
      watcher.failed(this.#failure)
      return () => {}
    }
    let tasks = this.#ledgers.get(ledger)
    if (tasks === undefined) this.#ledgers.set(ledger, (tasks = new Map()))
    let watchers = tasks.get(seq)
    if (watchers === undefined) tasks.set(seq, (watchers = new Set()))
    watchers.add(watcher)
    if (watcher.claimed !== undefined) this.#attentive.add(watcher)
    this.#removed.get(ledger)?.delete(seq)
    note(watcher.progress === undefined ? this.#added : this.#addedProgress, ledger, seq)
    this.#schedule()
    return () => this.#remove(ledger, seq, watcher)
  }

  /** Takes in how tasks have ended, or that nobody knows that any more. */
  heard(effect: OutcomesKnown | OutcomesCollected): void {
    if (effect.type === 'outcomes') this.ended(effect.ledger, effect.values, effect.fork)
    else this.collected(effect)
  }

  /** Hands decided outcomes to those who wait for them. */
  ended(ledger: LedgerId, values: readonly Values[], fork?: Fork): void {
    const tasks = this.#ledgers.get(ledger)
    if (tasks === undefined) return
    for (const group of values) {
      eachEnding(
        group,
        (seq, ending) => {
          const watchers = tasks.get(seq)
          tasks.delete(seq)
          for (const watcher of watchers ?? []) {
            this.#attentive.delete(watcher)
            watcher.ended(fork === undefined ? ending : { ...ending, fork: laterOf(fork, seq) })
          }
        },
        seq => tasks.has(seq),
      )
    }
    if (tasks.size === 0) this.#ledgers.delete(ledger)
  }

  /** Tells those who wait for tasks that nobody keeps their outcomes any more. */
  collected({ ledger, seqs, kind }: OutcomesCollected): void {
    const tasks = this.#ledgers.get(ledger)
    if (tasks === undefined) return
    const state = kind === 'forgotten' ? undefined : kind
    for (const seq of seqsOf(seqs)) {
      const watchers = tasks.get(seq)
      tasks.delete(seq)
      for (const watcher of watchers ?? []) {
        this.#attentive.delete(watcher)
        watcher.failed(new ResultExpiredError(taskId(ledger, seq), state))
      }
    }
    if (tasks.size === 0) this.#ledgers.delete(ledger)
  }

  /** A task of each ledger in which somebody waits. */
  *someOfEach(): Generator<{ readonly ledger: LedgerId; readonly seq: number }> {
    for (const [ledger, tasks] of this.#ledgers) {
      for (const seq of tasks.keys()) {
        yield { ledger, seq }
        break
      }
    }
  }

  /** Tells those who wait in a ledger that nobody keeps it any more. */
  lost(ledger: LedgerId, reason: (id: string) => Error): void {
    const tasks = this.#ledgers.get(ledger)
    this.#ledgers.delete(ledger)
    if (tasks === undefined) return
    for (const [seq, watchers] of tasks) {
      note(this.#removed, ledger, seq)
      for (const watcher of watchers) {
        this.#attentive.delete(watcher)
        watcher.failed(reason(taskId(ledger, seq)))
      }
    }
    this.#schedule()
  }

  /** Hands on what a running task has said. */
  progressed(ledger: LedgerId, seq: number, kind: 'progress' | 'log', text: string): void {
    for (const watcher of this.#ledgers.get(ledger)?.get(seq) ?? []) watcher.progress?.(kind, text)
  }

  /** Tells who waits for a task that a run of it has begun here. */
  claimed(ledger: LedgerId, seqs: Iterable<number>, token: number): void {
    const tasks = this.#ledgers.get(ledger)
    if (tasks === undefined || this.#attentive.size === 0) return
    for (const seq of seqs) {
      for (const watcher of tasks.get(seq) ?? []) watcher.claimed?.(token)
    }
  }

  /** Ends every wait, and each that comes after. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    const ledgers = [...this.#ledgers.values()]
    this.#ledgers.clear()
    for (const tasks of ledgers) {
      for (const watchers of tasks.values()) for (const watcher of watchers) watcher.failed(error)
    }
  }

  #remove(ledger: LedgerId, seq: number, watcher: Watcher): void {
    const tasks = this.#ledgers.get(ledger)
    const watchers = tasks?.get(seq)
    if (tasks === undefined || watchers === undefined || !watchers.delete(watcher)) return
    this.#attentive.delete(watcher)
    if (watchers.size > 0) return
    tasks.delete(seq)
    if (tasks.size === 0) this.#ledgers.delete(ledger)
    this.#added.get(ledger)?.delete(seq)
    this.#addedProgress.get(ledger)?.delete(seq)
    note(this.#removed, ledger, seq)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const [removed, added, withProgress] = [this.#removed, this.#added, this.#addedProgress]
    this.#removed = new Map()
    this.#added = new Map()
    this.#addedProgress = new Map()
    for (const [ledger, seqs] of rangesOf(removed)) {
      this.#input({ type: 'unwatch-tasks', ledger, seqs })
    }
    for (const [ledger, seqs] of rangesOf(added)) {
      this.#input({ type: 'watch-tasks', ledger, seqs, progress: false })
    }
    for (const [ledger, seqs] of rangesOf(withProgress)) {
      this.#input({ type: 'watch-tasks', ledger, seqs, progress: true })
    }
  }
}

/** Where an outcome of a later generation is from. */
function laterOf({ ledger, shift, generation }: Fork, seq: number): NonNullable<Ending['fork']> {
  return { generation, taskId: taskId(ledger, seq + shift) }
}

function note(changes: Changes, ledger: LedgerId, seq: number): void {
  const seqs = changes.get(ledger)
  if (seqs === undefined) changes.set(ledger, new Set([seq]))
  else seqs.add(seq)
}

function* rangesOf(changes: Changes): Generator<readonly [LedgerId, number[]]> {
  for (const [ledger, seqs] of changes) {
    if (seqs.size > 0) yield [ledger, fromSeqs([...seqs].toSorted((a, b) => a - b))]
  }
}
