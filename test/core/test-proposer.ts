import { openClaim, onClaimed, onRecords } from '../../src/core/ask.ts'
import type { Claiming } from '../../src/core/claim.ts'
import type { Effect } from '../../src/core/effects.ts'
import type { Finished } from '../../src/core/inputs.ts'
import type {
  Accepted,
  AcceptedValues,
  Chunk,
  Claim,
  Claimed,
  LedgerInfo,
  Message,
  Settle,
  Values,
} from '../../src/core/messages.ts'
import { createOutbox, type Outbox } from '../../src/core/outbox.ts'
import { createProposer, type ProposerState } from '../../src/core/proposer.ts'
import { randomFrom } from '../../src/core/random.ts'
import { countOf, type Ranges } from '../../src/core/ranges.ts'
import { beatAll, tickProposer } from '../../src/core/renew.ts'
import { onAccepted, onFinished } from '../../src/core/settle.ts'
import type { VoterState } from '../../src/core/voter.ts'
import { bytes, chunkOf, grantOf, infoOf, leaseMs, ledgerId, valuesOf } from './fixtures.ts'

export type Want = Partial<Parameters<typeof openClaim>[2]>

/** A worker that votes on nothing unless it is given a voter, with the voters' answers given by hand. */
export class TestProposer {
  readonly info: LedgerInfo
  readonly outbox: Outbox = createOutbox('w')
  readonly proposer: ProposerState
  now = 1_000

  constructor(
    voters: readonly string[] = ['v0', 'v1', 'v2'],
    maxDeliveries = 5,
    { self, voter }: { self: string; voter: VoterState | undefined } = {
      self: 'w',
      voter: undefined,
    },
  ) {
    this.info = infoOf(voters)
    this.proposer = createProposer({
      self,
      node: `${self}.1`,
      leaseMs,
      maxDeliveries,
      random: randomFrom([1, 2, 3, 4]),
      voter,
    })
    for (const peer of voters) this.proposer.up.add(peer)
  }

  claim(seqs: Ranges, want: Want = {}): Claiming {
    const base = { info: this.info, intent: 'run', seqs, any: [], anyCount: 0 } as const
    const rest = { sequential: false, queue: 'hash', cancel: undefined, hand: undefined, tries: 0 }
    return openClaim(this.proposer, this.outbox, { ...base, ...rest, ...want }, this.now)
  }

  /** Everything asked for since the last call. */
  take(): Effect[] {
    const { effects } = this.outbox
    this.outbox.effects = []
    return effects
  }

  /** Everything sent since the last call. */
  sent(): { to: string; message: Message }[] {
    return this.take().filter(effect => effect.type === 'send')
  }

  /** The messages of one type sent since the last call, by receiver. */
  sentOf<Type extends Message['type']>(
    type: Type,
  ): { to: string; message: Extract<Message, { type: Type }> }[] {
    return this.sent().filter(
      (sent): sent is { to: string; message: Extract<Message, { type: Type }> } =>
        sent.message.type === type,
    )
  }

  /** A voter's answer to a claim: it grants everything unless told otherwise. */
  answer(from: string, claiming: Claiming, more: Partial<Claimed> = {}): void {
    const { id: claimId, ballot, intent, seqs, info } = claiming
    const asked: Claim = {
      type: 'claim',
      ledger: info.ledger,
      epoch: 0,
      claimId,
      ballot,
      intent,
      seqs,
      any: [],
      anyCount: 0,
      records: false,
      idle: false,
    }
    onClaimed(this.proposer, this.outbox, from, grantOf(asked, more), this.now)
  }

  refuse(from: string, claiming: Claiming, reason: Claimed['refused'][number]['reason']): void {
    const refused = [{ reason, seqs: claiming.seqs, ms: 0, counter: 0 }]
    this.answer(from, claiming, { granted: [], grants: [], leaseMs: 0, refused })
  }

  /** Claims tasks and wins them at the first two voters, with their records. */
  win(seqs: Ranges, more: Partial<Claimed> = {}): Claiming {
    const claiming = this.claim(seqs)
    this.answer('v0', claiming, { chunks: recordsOf(seqs), ...more })
    this.answer('v1', claiming)
    return claiming
  }

  finish(claiming: Claiming, seqs: Ranges, body = 'ok', kind: Finished['kind'] = 'done'): void {
    const count = countOf(seqs)
    const lengths = new Uint32Array(count).fill(body.length)
    const token = claiming.ballot.counter
    const columns = { lengths, body: bytes(body.repeat(count)) }
    const { ledger } = claiming.info
    const finished = { type: 'finished', ledger, token, seqs, kind, ...columns } as const
    onFinished(this.proposer, this.outbox, finished, this.now)
  }

  accept(from: string, settle: Settle, more: Partial<Accepted> = {}): void {
    const { ledger, epoch, ballot, values } = settle
    const accepted = more.accepted ?? values.flatMap(({ seqs }) => [...seqs])
    const none = { behind: [], settled: [], missing: [] }
    const { counter } = ballot
    const answer: Accepted = { type: 'accepted', ledger, epoch, counter, ballot, ...none, accepted }
    onAccepted(this.proposer, this.outbox, from, { ...answer, ...more }, this.now)
  }

  records(seqs: Ranges): void {
    const records = {
      type: 'records',
      ledger: ledgerId,
      epoch: 0,
      chunks: recordsOf(seqs),
    } as const
    onRecords(this.proposer, this.outbox, records, this.now)
  }

  tick(ms: number): void {
    this.now += ms
    tickProposer(this.proposer, this.outbox, this.now)
  }

  beat(): void {
    beatAll(this.proposer, this.outbox, this.now)
  }

  /** Lets the next retry come due; returns its claim. */
  retry(): Claiming {
    const before = new Set(this.proposer.claims.keys())
    for (let i = 0; i < 800; i++) {
      this.tick(10)
      const claim = [...this.proposer.claims.values()].find(({ id }) => !before.has(id))
      if (claim !== undefined) return claim
    }
    throw new Error('nothing is tried again')
  }
}

/** The records of some tasks, as a voter gives them. */
export function recordsOf(seqs: Ranges): Chunk[] {
  const chunks: Chunk[] = []
  for (let i = 0; i < seqs.length; i += 2) {
    const first = seqs[i] ?? 0
    const payloads = Array.from({ length: seqs[i + 1] ?? 0 }, (_, k) => `payload ${first + k}`)
    chunks.push(chunkOf(first, payloads))
  }
  return chunks
}

/** A value that a register had accepted when it was claimed. */
export function base(
  counter: number,
  proposer: string,
  kind: Values['kind'],
  body = '',
  more: Partial<Values> = {},
): AcceptedValues {
  return { ballot: { counter, proposer }, values: valuesOf([0, 1], kind, body, more) }
}
