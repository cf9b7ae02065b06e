import type { Abort, Run } from '../core/effects.ts'
import { isDirect } from '../core/direct-grant.ts'
import type { Entry } from '../core/entries.ts'
import type { Lsn, PeerId } from '../core/ids.ts'
import type { Finished } from '../core/inputs.ts'
import type { Message } from '../core/messages.ts'
import { seqsOf } from '../core/ranges.ts'
import type { History } from './history.ts'
import { type Actor, Observer } from './observer.ts'

/**
 * Counts what the protocol has gone through, so that it can be seen whether a set of runs
 * reaches the corners: a simulation in which nothing happens finds nothing.
 */
export class Coverage extends Observer {
  readonly #history: History
  readonly #count: (name: string) => void

  constructor(history: History, count: (name: string) => void) {
    super()
    this.#history = history
    this.#count = count
    const { onChosen } = history
    history.onChosen = (task, chosen) => {
      onChosen(task, chosen)
      const facts = history.digests.factsOf(chosen.digest)
      if (task.chosen.length > 1) count('an outcome is chosen again by a later ballot')
      else if (facts?.kind === 'failed') count(`outcome failed(${facts.reason})`)
      else count(`outcome ${facts?.kind}`)
    }
  }

  override started(_actor: Actor, recovered: readonly Entry[]): void {
    if (recovered.some(({ type }) => type === 'accepted')) this.#count('restart with accepts')
    if (recovered.some(({ type }) => type === 'grants')) this.#count('restart from a checkpoint')
  }

  override wrote(_actor: Actor, _lsn: Lsn, entry: Entry): void {
    this.#count(`wrote ${entry.type}`)
    if (entry.type !== 'accepted') return
    for (const { kind } of entry.values) if (kind === 'pending') this.#count('retry accepted')
  }

  override asked(_actor: Actor, _to: PeerId, message: Message): void {
    switch (message.type) {
      case 'claim':
        this.#count(message.any.length > 0 ? 'claim any' : `claim ${message.intent}`)
        break
      case 'claimed':
        if (isDirect(message.claimId) && message.granted.length > 0) this.#count('granted directly')
        for (const { reason } of message.refused) this.#count(`refused ${reason}`)
        if (message.accepted.length > 0) this.#count('granted with an accepted value')
        if (message.chunks.length > 0) this.#count('granted with records')
        break
      case 'stored':
        if (message.conflict.length > 0) this.#count('store conflict')
        if (message.full.length > 0) this.#count('store full')
        if (message.settled.length > 0) this.#count('store settled')
        break
      case 'accepted':
        if (message.behind.length > 0) this.#count('settle behind')
        if (message.settled.length > 0) this.#count('settle settled')
        if (message.missing.length > 0) this.#count('settle missing')
        break
      case 'renewed':
        if (message.sendList) this.#count('session list asked for')
        if (message.lost.length > 0) this.#count('session lease lost')
        break
      default:
        break
    }
  }

  override ran(_actor: Actor, { ledger, seqs }: Run): void {
    for (const seq of seqsOf(seqs)) {
      const { runs } = this.#history.task(ledger, seq)
      if (runs.length < 2) continue
      const overlaps = runs.some(run => run !== runs.at(-1) && run.endedAt === Infinity)
      this.#count(overlaps ? 'two runs at once' : 'another run')
    }
  }

  override aborted(_actor: Actor, { reason }: Abort): void {
    this.#count(`abort ${reason}`)
  }

  override finished(_actor: Actor, { kind }: Finished): void {
    this.#count(`run ended ${kind}`)
  }
}
