import type { Ballot } from '../../src/core/ballot.ts'
import type { Entry } from '../../src/core/entries.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import type {
  AcceptedValues,
  Accepted,
  Chunk,
  Claim,
  Claimed,
  LedgerInfo,
  Message,
  OutcomeKind,
  Renew,
  Renewed,
  Settle,
  Store,
  Stored,
  TaskSpec,
  Values,
} from '../../src/core/messages.ts'
import { createOutbox, type Outbox } from '../../src/core/outbox.ts'
import { createProposer, type ProposerState } from '../../src/core/proposer.ts'
import { randomFrom } from '../../src/core/random.ts'
import { countOf, type Ranges } from '../../src/core/ranges.ts'
import { collectLeases, takeOffice } from '../../src/core/installing.ts'
import { onRelease, onRenew } from '../../src/core/session.ts'
import { onClaim } from '../../src/core/voter-claim.ts'
import { onDecided } from '../../src/core/voter-compare.ts'
import { sealLedger } from '../../src/core/voter-seal.ts'
import { onSettle } from '../../src/core/voter-settle.ts'
import { onOpen, onStore } from '../../src/core/voter-store.ts'
import { noTiming } from '../../src/core/timing.ts'
import { createVoter, refresh, type VoterState } from '../../src/core/voter.ts'

export const leaseMs = 30_000
export const ledgerId = 'ab'.repeat(16)
export const producer = 'p.1'

export const plainSpec: TaskSpec = {
  queue: 'hash',
  priority: 0,
  requires: '',
  attempts: 3,
  backoff: 'exponential',
  backoffMs: 1_000,
  backoffMaxMs: 60_000,
  timeoutMs: 0,
  resultTtlMs: 60_000,
}

/** What voters of the given peers know of the one ledger of these tests. */
export function infoOf(peers: readonly string[]): LedgerInfo {
  const voters = peers.map(peer => ({ peer, storageId: `s-${peer}` }))
  return { ledger: ledgerId, epoch: 0, producer, voters }
}

export function ballot(counter: number, proposer = 'w.1'): Ballot {
  return { counter, proposer }
}

/** Text as bytes, and back. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(body: Uint8Array): string {
  return new TextDecoder().decode(body)
}

/** Records of consecutive tasks, one per payload. */
export function chunkOf(
  first: number,
  payloads: readonly string[],
  more: Partial<Chunk> = {},
): Chunk {
  const parts = payloads.map(bytes)
  const lengths = Uint32Array.from(parts, part => part.length)
  const payload = bytes(payloads.join(''))
  const base = { first, count: payloads.length, spec: plainSpec, ...noTiming }
  return { ...base, lengths, payload, ...more }
}

/** Values of some tasks, all with the same body. */
export function valuesOf(
  seqs: Ranges,
  kind: 'pending' | OutcomeKind,
  body = '',
  more: Partial<Values> = {},
): Values {
  const count = countOf(seqs)
  const one = bytes(body)
  const lengths = new Uint32Array(count).fill(one.length)
  const base = { seqs, kind, failures: 0, delayMs: 0, reason: '', by: 'w' } as const
  return { ...base, lengths, body: bytes(body.repeat(count)), ...more }
}

/** The body of one task among some values. */
export function bodyOf(values: Values, index = 0): string {
  let from = 0
  for (let i = 0; i < index; i++) from += values.lengths[i] ?? 0
  return text(values.body.subarray(from, from + (values.lengths[index] ?? 0)))
}

/** One voter of the ledger, driven message by message as the machine would. */
export class TestVoter {
  info: LedgerInfo
  readonly voter: VoterState
  readonly outbox: Outbox
  readonly entries: Entry[] = []
  now = 1_000
  #beat = 0

  constructor(init: Partial<VoterState> & { voters?: readonly string[]; keepMs?: number } = {}) {
    const peer = init.peer ?? 'v0'
    this.info = infoOf(init.voters ?? ['v0', 'v1', 'v2'])
    this.outbox = createOutbox(peer)
    this.voter = createVoter({
      peer,
      storageId: `s-${peer}`,
      leaseMs,
      maxBytes: init.maxBytes ?? 1_000_000,
      pageTasks: init.pageTasks ?? 4,
      wallOffsetMs: init.wallOffsetMs ?? 1_000_000,
      keepMs: init.keepMs,
    })
  }

  /** A voter whose ledger is open and holds some tasks. */
  static holding(
    tasks: number,
    init: ConstructorParameters<typeof TestVoter>[0] & { delayMs?: number } = {},
  ): TestVoter {
    const voter = new TestVoter(init)
    voter.open()
    const payloads = Array.from({ length: tasks }, (_, i) => `payload ${i}`)
    if (tasks > 0) voter.store(chunkOf(0, payloads, { delayMs: init.delayMs ?? 0 }))
    return voter
  }

  /** Seals its epoch, and goes on in the next one with what it has. */
  begin(found: Partial<Parameters<typeof takeOffice>[3]> = {}): void {
    const { voter, outbox, ledger, now } = this
    this.info = { ...this.info, epoch: this.info.epoch + 1 }
    sealLedger(voter, outbox, ledger, this.info, now)
    const leases = collectLeases(voter, ledger)
    const all = { info: this.info, leases, blockedUntil: 0, ...found }
    takeOffice(voter, outbox, ledger, all, now)
  }

  get ledger(): Ledger {
    const ledger = this.voter.ledgers.get(ledgerId)
    if (ledger === undefined) throw new Error('the ledger is not open')
    return ledger
  }

  /** Everything sent since the last call; entries are kept and count as durable. */
  take(): { to: string; message: Message; after: number }[] {
    const sent: { to: string; message: Message; after: number }[] = []
    for (const effect of this.outbox.effects) {
      if (effect.type === 'persist') this.entries.push(effect.entry)
      if (effect.type === 'send') sent.push(effect)
    }
    for (const { message, after } of this.outbox.loopback) {
      sent.push({ to: this.voter.peer, message, after })
    }
    this.outbox.loopback = []
    this.outbox.effects = []
    this.outbox.durable = this.outbox.lsn
    return sent
  }

  /** The only message of one type since the last call. */
  reply<Type extends Message['type']>(type: Type): Extract<Message, { type: Type }> {
    const found = this.take().filter(({ message }) => message.type === type)
    const message = found[0]?.message
    if (message === undefined || found.length > 1) {
      throw new Error(`${found.length} messages of type ${type}`)
    }
    return message as Extract<Message, { type: Type }>
  }

  open(): void {
    onOpen(this.voter, this.outbox, 'p', { type: 'open', ...this.info }, this.now)
    this.take()
  }

  store(chunk: Chunk, more: Partial<Store> = {}): Stored {
    const { epoch } = this.info
    const store: Store = { type: 'store', ledger: ledgerId, epoch, fresh: true, chunks: [chunk] }
    onStore(this.voter, this.outbox, 'p', { ...store, ...more }, this.now)
    return this.reply('stored')
  }

  /** Gives a claim to the voter; what follows is to be taken by the caller. */
  ask(asked: Ballot, seqs: Ranges, more: Partial<Claim> = {}): void {
    const claim: Claim = {
      type: 'claim',
      ledger: ledgerId,
      epoch: this.info.epoch,
      claimId: asked.counter,
      ballot: asked,
      intent: 'run',
      seqs,
      any: [],
      anyCount: 0,
      records: false,
      idle: false,
      ...more,
    }
    onClaim(this.voter, this.outbox, peer(asked), claim, this.now)
  }

  claim(asked: Ballot, seqs: Ranges, more: Partial<Claim> = {}): Claimed {
    this.ask(asked, seqs, more)
    return this.reply('claimed')
  }

  settle(asked: Ballot, values: readonly Values[], acceptLsn = 0): Accepted {
    const settle: Settle = {
      type: 'settle',
      ledger: ledgerId,
      epoch: this.info.epoch,
      ballot: asked,
      values,
      acceptLsn,
    }
    onSettle(this.voter, this.outbox, peer(asked), settle, this.now)
    return this.reply('accepted')
  }

  decide(asked: Ballot, values: Values, from = 'v1', withValues = true): void {
    const { seqs, kind } = values
    if (kind === 'pending') throw new Error('only outcomes are decided')
    const outcome = { ballot: asked, kind, seqs, values: withValues ? [values] : [] }
    const { epoch } = this.info
    const decided = { type: 'decided', ledger: ledgerId, epoch, outcomes: [outcome] } as const
    onDecided(this.voter, this.outbox, from, decided, this.now)
  }

  renew(holder: string, renew: Partial<Renew>): Renewed {
    const beat = ++this.#beat
    const said: Renew = {
      type: 'renew',
      beat,
      confirmed: [],
      held: 0,
      digest: 0,
      decidedBelow: 0,
      ...renew,
    }
    onRenew(this.voter, this.outbox, peer({ proposer: holder }), holder, said, this.now)
    return this.reply('renewed')
  }

  release(asked: Ballot, seqs: Ranges, claimId = asked.counter, from = peer(asked)): void {
    const { ledger, epoch } = this.info
    const release = { type: 'release', ledger, epoch, claimId, ballot: asked, seqs } as const
    onRelease(this.voter, this.outbox, from, release, this.now)
    this.take()
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.now += ms
    refresh(this.voter, this.now)
  }

  /** A register as the rules speak of it. */
  register(seq: number): { state: number; grants: number; promised: Ballot; accepted: Ballot } {
    const page = this.ledger.pages.get(Math.floor(seq / this.voter.pageTasks))
    const slot = seq % this.voter.pageTasks
    const { proposers } = this.ledger
    return {
      state: page?.state[slot] ?? 0,
      grants: page?.grants[slot] ?? 0,
      promised: {
        counter: page?.promised[slot] ?? 0,
        proposer: proposers[page?.promisedBy[slot] ?? 0] ?? '',
      },
      accepted: {
        counter: page?.accepted[slot] ?? 0,
        proposer: proposers[page?.acceptedBy[slot] ?? 0] ?? '',
      },
    }
  }
}

function peer({ proposer }: { proposer: string }): string {
  return proposer.slice(0, proposer.lastIndexOf('.'))
}

/** The answer of a voter that grants everything. */
export function grantOf(claim: Claim, more: Partial<Claimed> = {}): Claimed {
  const { ledger, epoch, claimId, ballot: asked, seqs, intent } = claim
  return {
    type: 'claimed',
    ledger,
    epoch,
    counter: asked.counter,
    claimId,
    ballot: asked,
    granted: seqs,
    leaseMs: intent === 'run' ? 1_000 : 0,
    grants: [countOf(seqs), 1],
    accepted: [] as AcceptedValues[],
    held: [],
    refused: [],
    chunks: [],
    ...more,
  }
}

/** The proposer of a node that votes, and is connected with the other two voters. */
export function votingProposer({ voter }: TestVoter): ProposerState {
  const random = randomFrom([1, 2, 3, 4])
  const self = { self: 'v0', node: 'v0.1', leaseMs, maxDeliveries: 5 }
  const proposer = createProposer({ ...self, random, voter })
  for (const peer of ['v1', 'v2']) proposer.up.add(peer)
  return proposer
}
