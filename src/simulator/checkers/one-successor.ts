import type { Entry, SuccessionEntry } from '../../core/entries.ts'
import type { LedgerId, Lsn } from '../../core/ids.ts'
import type { LedgerInfo, Voter } from '../../core/messages.ts'
import { Duties } from '../duties.ts'
import type { Actor } from '../observer.ts'
import { Checker } from './checker.ts'

/** Entries by which the voters of a ledger change. */
const isOfChange: ReadonlySet<Entry['type']> = new Set([
  'opened',
  'installed',
  'succession',
  'sealed',
  'moved',
  'retired',
])

/**
 * S8: an epoch has one successor, which a majority of its voters has accepted, and it begins only
 * when a majority of them is sealed. Whoever begins a later one instead of its own is out of that as
 * well, for good; one at least must be sealed that knows it. What counts is on disk.
 */
export class OneSuccessor extends Checker {
  /** The voters of each epoch, by the first that has named them. */
  readonly #named = new Map<string, string>()
  /** Who has accepted which next voters, and who has sealed, as masks. */
  readonly #accepted = new Map<string, number>()
  readonly #sealed = new Map<string, number>()
  readonly #begun = new Map<string, number>()
  readonly #skipped = new Map<string, number>()
  readonly #chosen = new Set<string>()
  readonly #onDisk = new Duties()
  readonly #pending: { lsn: Lsn; entry: Entry }[][] = []

  override started(actor: Actor, recovered: readonly Entry[]): void {
    this.#pending[actor.index] = []
    this.#onDisk.restart(actor.index, recovered)
  }

  override stopped(actor: Actor, kept: Lsn): void {
    this.durable(actor, kept)
  }

  override wrote(actor: Actor, lsn: Lsn, entry: Entry): void {
    if (isOfChange.has(entry.type)) this.#pending[actor.index]?.push({ lsn, entry })
    if (entry.type === 'sealed' || entry.type === 'installed' || entry.type === 'moved') {
      this.#follows(actor, entry)
    }
  }

  override durable(actor: Actor, lsn: Lsn): void {
    const pending = this.#pending[actor.index] ?? []
    while (pending[0] !== undefined && pending[0].lsn <= lsn) {
      const { entry } = pending[0]
      pending.shift()
      if (entry.type === 'succession') this.#accepts(actor, entry)
      if (entry.type === 'sealed') this.#seals(actor, entry.ledger)
      if (entry.type === 'installed') this.#begins(actor, entry)
      this.#onDisk.take(actor.index, entry)
    }
  }

  /** Whatever is written of an epoch names the voters that were chosen for it. */
  #follows(actor: Actor, { ledger: id, epoch, voters }: LedgerInfo): void {
    const key = `${id} ${epoch}`
    const text = textOf(voters)
    const named = this.#named.get(key) ?? text
    this.#named.set(key, named)
    const name = `${actor.peer} takes ${text} for the voters of epoch ${epoch}`
    const ledger = this.history.ledger(id)
    if (named !== text) this.violation('S8', `${name}, which are ${named}`, ledger)
    else if (epoch > 0 && !this.#chosen.has(`${key} ${text}`)) {
      this.violation('S8', `${name}, which no majority has accepted`, ledger)
    }
  }

  #accepts(actor: Actor, { ledger: id, epoch, accepted, voters }: SuccessionEntry): void {
    if (accepted.counter === 0 || this.#onDisk.of(actor.index, id) !== epoch) return
    const text = textOf(voters)
    const key = `${id} ${epoch} ${this.history.ballotKey(accepted)} ${text}`
    const ledger = this.history.ledger(id)
    const mask = (this.#accepted.get(key) ?? 0) | ledger.bitOf(actor)
    this.#accepted.set(key, mask)
    if (ledger.isMajorityIn(epoch, mask)) this.#chosen.add(`${id} ${epoch + 1} ${text}`)
  }

  #seals(actor: Actor, id: LedgerId): void {
    const key = `${id} ${this.#onDisk.of(actor.index, id)}`
    mark(this.#sealed, key, this.history.ledger(id).bitOf(actor))
  }

  #begins(actor: Actor, { ledger: id, epoch }: LedgerInfo): void {
    const ledger = this.history.ledger(id)
    const bit = ledger.bitOf(actor)
    const before = `${id} ${epoch - 1}`
    mark(this.#begun, `${id} ${epoch}`, bit)
    if ((bit & (this.#skipped.get(`${id} ${epoch}`) ?? 0)) !== 0) {
      this.violation('S8', `${actor.peer} begins epoch ${epoch}, which it has skipped`, ledger)
    }
    // The first epoch has been begun by all of its voters.
    const isNew = epoch > 1 && (bit & (this.#begun.get(before) ?? 0)) === 0
    if (isNew && (bit & ledger.votersIn(epoch - 1)) !== 0) mark(this.#skipped, before, bit)
    const sealed = this.#sealed.get(before) ?? 0
    const out = sealed | (this.#skipped.get(before) ?? 0)
    if (sealed !== 0 && ledger.isMajorityIn(epoch - 1, out)) return
    const message = `${actor.peer} begins epoch ${epoch}, and no majority has sealed the one before`
    this.violation('S8', message, ledger)
  }
}

function mark(masks: Map<string, number>, key: string, bit: number): void {
  masks.set(key, (masks.get(key) ?? 0) | bit)
}

function textOf(voters: readonly Voter[]): string {
  return voters.map(({ peer, storageId }) => `${peer}/${storageId.slice(0, 4)}`).join(' ')
}
