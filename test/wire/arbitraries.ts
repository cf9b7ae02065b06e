import * as fc from 'fast-check'
import type { Ballot } from '../../src/core/ballot.ts'
import type { RegisterGroup } from '../../src/core/change-messages.ts'
import type { Entry } from '../../src/core/entries.ts'
import type * as core from '../../src/core/messages.ts'
import { countOf, type Ranges } from '../../src/core/ranges.ts'
import { fork, forked } from './fork-arbitrary.ts'
import { hex, record } from './plain-arbitraries.ts'
import { maxPriority, maxSeq, maxUint32, maxVoters } from '../../src/wire/limits.ts'

/* Values that the wire carries, of every kind and up to a modest size. */

const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
const wordOrNone = fc.string({ unit: 'binary', maxLength: 20 })
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: maxUint32 }))
const lsn = fc.oneof(fc.nat(300), fc.maxSafeNat())
const ms = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 8_640_000_000_000_000 }))
const [ledger, storageId] = [hex(32), hex(32)]
const storageIdOrNone = fc.oneof(storageId, fc.constant(''))
const incarnationOrNone = fc.oneof(hex(16), fc.constant(''))
const peer = word
const node = fc.tuple(peer, hex(16)).map(([peer, incarnation]) => `${peer}.${incarnation}`)
const priority = fc.integer({ min: -maxPriority, max: maxPriority })
const few = { maxLength: 3 }

/** Sets of sequence numbers, some of them near the highest. */
export const ranges: fc.Arbitrary<Ranges> = fc
  .tuple(
    fc.constantFrom(0, 1, 127, 128, 200_000, maxSeq - 2000),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 40 })), {
      maxLength: 6,
    }),
  )
  .map(([begin, runs]) => {
    const all: number[] = []
    let end = begin
    for (const [gap, count] of runs) {
      all.push(end + gap, count)
      end += gap + count
    }
    return all
  })

const seqs = fc.oneof(...Array<typeof ranges>(9).fill(ranges), fc.constant<Ranges>([0, 3]))

const ballot: fc.Arbitrary<Ballot> = fc.oneof(
  fc.constant({ counter: 0, proposer: '' }),
  record({ counter: fc.integer({ min: 1, max: maxUint32 }), proposer: node }),
)

/** After a restart a voter has promised a counter to nobody. */
const promise = fc.oneof(ballot, record({ counter: fc.nat(maxUint32), proposer: fc.constant('') }))

const taskClass = { queue: word, priority, requires: wordOrNone }

const spec: fc.Arbitrary<core.TaskSpec> = record({
  ...taskClass,
  attempts: fc.integer({ min: 1, max: maxUint32 }),
  backoff: fc.constantFrom('fixed', 'exponential'),
  backoffMs: ms,
  backoffMaxMs: ms,
  timeoutMs: ms,
  resultTtlMs: ms,
})

/** So many lengths and a blob that is just as long. */
function column(count: number): fc.Arbitrary<{ lengths: Uint32Array; blob: Uint8Array }> {
  const length = fc.oneof(fc.nat(3), fc.nat(300))
  return fc.array(length, { minLength: count, maxLength: count }).map(all => {
    const lengths = Uint32Array.from(all)
    const blob = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
    for (let i = 0; i < blob.length; i++) blob[i] = (i * 31 + count) & 0xff
    return { lengths, blob }
  })
}

/** Chunks of up to a dozen tasks. */
export const chunk: fc.Arbitrary<core.Chunk> = fc
  .integer({ min: 1, max: 12 })
  .chain(count =>
    fc.tuple(
      fc.constant(count),
      fc.integer({ min: 0, max: maxSeq - count }),
      spec,
      record({ ageMs: ms, delayMs: ms, startWithinMs: ms, endWithinMs: ms }),
      column(count),
      fork,
    ),
  )
  .map(([count, first, spec, timing, { lengths, blob }, fork]) =>
    forked({ first, count, spec, ...timing, lengths, payload: blob }, fork),
  )

const outcomeKind = fc.constantFrom('done', 'failed', 'cancelled')
const failedReason = fc.constantFrom(
  'attempts',
  'unrecoverable',
  'deliveries',
  'timeout',
  'expired',
  'result',
)

/** Values of up to a few hundred registers. */
export const values: fc.Arbitrary<core.Values> = seqs
  .chain(seqs =>
    fc.tuple(
      fc.constant(seqs),
      fc.oneof(outcomeKind, fc.constant('pending' as const)),
      failedReason,
      uint32,
      ms,
      fc.oneof(peer, fc.constant('')),
      column(countOf(seqs)),
    ),
  )
  .map(([seqs, kind, reason, failures, delayMs, by, { lengths, blob }]) => ({
    seqs,
    kind,
    failures,
    delayMs,
    reason: kind === 'failed' ? reason : ('' as const),
    by,
    lengths,
    body: blob,
  }))

const voters = fc.array(record({ peer, storageId }), { maxLength: 7 })
const ofLedger = { ledger, epoch: uint32 }
const infoFields = { ...ofLedger, producer: node, voters }
const info: fc.Arbitrary<core.LedgerInfo> = record(infoFields)
const knownPeer = record({ peer, addresses: fc.array(word, few) })
const queues = fc.array(word, few)
const chunks = fc.array(chunk, few)
const valuesList = fc.array(values, few)

const backlog: fc.Arbitrary<core.Backlog> = fc
  .tuple(record({ ...taskClass, ageMs: ms, seqs }), fc.nat(1000))
  .map(([backlog, more]) => ({ ...backlog, backlog: countOf(backlog.seqs) + more }))

const lostLeases = fc.array(record({ ledger, claimId: uint32, seqs }), few)

/** `[tasks, grants, …]` about all of a set. */
function grantsOf(seqs: Ranges): fc.Arbitrary<number[]> {
  const count = countOf(seqs)
  if (count === 0) return fc.constant([])
  return fc
    .tuple(fc.integer({ min: 1, max: count }), uint32, uint32)
    .map(([run, a, b]) => (run === count ? [run, a] : [run, a, count - run, b]))
}

const refusal: fc.Arbitrary<core.Refusal> = record({
  reason: fc.constantFrom('settled', 'not-due', 'blocked', 'held', 'behind', 'missing', 'leap'),
  seqs,
  ms,
  counter: uint32,
})

const claimed: fc.Arbitrary<core.Claimed> = seqs.chain(granted =>
  record({
    type: fc.constant('claimed' as const),
    ...ofLedger,
    counter: uint32,
    claimId: uint32,
    ballot,
    granted: fc.constant(granted),
    leaseMs: ms,
    grants: grantsOf(granted),
    accepted: fc.array(record({ ballot, values }), few),
    held: seqs,
    refused: fc.array(refusal, few),
    chunks,
  }),
)

const outcomes = fc.array(record({ ballot, kind: outcomeKind, seqs, values: valuesList }), few)

const seq = fc.integer({ min: 0, max: maxSeq })
const end = fc.oneof(fc.constantFrom(-1, 0), seq)
const task = fc.integer({ min: 0, max: maxSeq - 1 })
const copies = fc.integer({ min: 0, max: maxVoters })
const taskKeyFields = { key: word, digest: word }
const key = fc.option(record(taskKeyFields), { nil: undefined })
const collectedSets = { done: seqs, failed: seqs, cancelled: seqs, forgotten: seqs }

const copying = { ...ofLedger, from: seq, to: seq, stored: seqs, settled: seqs }

const registerGroup: fc.Arbitrary<RegisterGroup> = fc
  .tuple(
    record({
      seqs,
      promised: promise,
      accepted: ballot,
      grants: uint32,
      lease: ballot,
      claimId: uint32,
      tentative: fc.boolean(),
      dueMs: ms,
    }),
    values,
  )
  .map(([group, value]) => ({ ...group, values: group.accepted.counter === 0 ? [] : [value] }))

const heldLeases = fc.array(record({ ledger, claimId: uint32, ballot, seqs }), few)

/** An arbitrary for the members of a union by their `type`. */
type Members<T extends { readonly type: string }> = {
  readonly [K in T['type']]: fc.Arbitrary<Extract<T, { readonly type: K }>>
}

/** A member of a union from arbitraries of all its properties but `type`. */
function member<K extends string, T extends object>(
  type: K,
  properties: { [P in keyof T]: fc.Arbitrary<T[P]> },
): fc.Arbitrary<T & { readonly type: K }> {
  return record(properties).map(value => ({ type, ...value }))
}

/** Every message, by its type. */
export const messages: Members<core.Message> = {
  hello: fc
    .tuple(uint32, uint32)
    .map(([a, b]) => [Math.max(1, Math.min(a, b)), Math.max(1, a, b)] as const)
    .chain(([minVersion, maxVersion]) =>
      member('hello', {
        minVersion: fc.constant(minVersion),
        maxVersion: fc.constant(maxVersion),
        incarnation: hex(16),
        storageId: storageIdOrNone,
        guest: fc.boolean(),
        addresses: fc.array(word, few),
        peers: fc.array(knownPeer, few),
        queues,
        concurrency: uint32,
        echoStorageId: storageIdOrNone,
        echoLsn: lsn,
        echoIncarnation: incarnationOrNone,
        echoBeforeLsn: lsn,
        changes: fc.boolean(),
      }),
    ),
  goodbye: fc.constant({ type: 'goodbye' }),
  open: member('open', infoFields),
  opened: member('opened', ofLedger),
  close: member('close', { ...ofLedger, end: fc.integer({ min: 0, max: maxSeq }) }),
  closed: member('closed', ofLedger),
  'unknown-ledger': member('unknown-ledger', ofLedger),
  store: member('store', {
    ...ofLedger,
    fresh: fc.boolean(),
    chunks,
    grant: fc.option(record({ info, claimId: uint32, ballot }), { nil: undefined }),
  }),
  stored: member('stored', {
    ...ofLedger,
    counter: uint32,
    stored: seqs,
    settled: seqs,
    conflict: seqs,
    full: seqs,
    fullMs: ms,
  }),
  claim: member('claim', {
    ...ofLedger,
    claimId: uint32,
    ballot,
    intent: fc.constantFrom('run', 'raise', 'finish', 'cancel'),
    seqs,
    any: fc.array(record(taskClass), few),
    anyCount: uint32,
    records: fc.boolean(),
    idle: fc.boolean(),
  }),
  claimed,
  renew: member('renew', {
    ...{ beat: uint32, held: uint32, digest: uint32, decidedBelow: uint32 },
    confirmed: fc.array(uint32, { maxLength: 20 }),
    list: fc.option(heldLeases, { nil: undefined }),
  }),
  renewed: member('renewed', {
    beat: uint32,
    leaseMs: ms,
    sendList: fc.boolean(),
    lost: lostLeases,
    elsewhere: lostLeases,
  }),
  lost: member('lost', { lost: lostLeases, cancelled: fc.boolean() }),
  release: member('release', { ...ofLedger, claimId: uint32, ballot, seqs }),
  settle: member('settle', { ...ofLedger, ballot, values: valuesList, acceptLsn: lsn }),
  accepted: member('accepted', {
    ...ofLedger,
    counter: uint32,
    ballot,
    accepted: seqs,
    behind: seqs,
    settled: seqs,
    missing: seqs,
  }),
  decided: member('decided', { ...ofLedger, outcomes }),
  fetch: member('fetch', { ...ofLedger, what: fc.constantFrom('records', 'outcomes'), seqs }),
  records: member('records', { ...ofLedger, chunks }),
  compare: member('compare', {
    ...ofLedger,
    counter: uint32,
    end,
    stored: seqs,
    settled: seqs,
  }),
  collected: member('collected', {
    ledger,
    epoch: uint32,
    end: fc.integer({ min: -1, max: maxSeq }),
    ...collectedSets,
  }),
  'collected-later': member('collected-later', { ledger, ...collectedSets }),
  watch: member('watch', { ledger, seqs, progress: fc.boolean() }),
  unwatch: member('unwatch', { ledger, seqs }),
  outcomes: member('outcomes', { ledger, values: valuesList, fork }),
  sync: member('sync', { queues, slots: uint32 }),
  backlogs: member('backlogs', {
    ledgers: fc.array(record({ info, counter: uint32, classes: fc.array(backlog, few) }), few),
    offered: fc.boolean(),
  }),
  submit: member('submit', { request: word, chunks, key, copies }),
  submitted: member('submitted', {
    request: word,
    refused: wordOrNone,
    ledger: fc.oneof(ledger, fc.constant('')),
    epoch: uint32,
    seqs,
    durable: fc.boolean(),
    voters: fc.array(knownPeer, few),
  }),
  progress: member('progress', {
    ledger,
    seq: task,
    token: uint32,
    kind: fc.constantFrom('progress', 'log'),
    body: fc.uint8Array({ maxLength: 200 }),
  }),
  elect: member('elect', { ...ofLedger, ballot, voters }),
  elected: member('elected', {
    ...ofLedger,
    ballot,
    granted: fc.boolean(),
    counter: uint32,
    accepted: ballot,
    voters,
  }),
  invite: member('invite', { ...infoFields, standing: fc.boolean() }),
  invited: member('invited', ofLedger),
  observe: member('observe', copying),
  seal: member('seal', { ...copying, voters }),
  state: member('state', {
    ...ofLedger,
    sealed: fc.boolean(),
    voting: fc.boolean(),
    from: seq,
    next: seq,
    counter: uint32,
    end,
    blockedMs: ms,
    registers: fc.array(registerGroup, few),
    outcomes,
    chunks,
    ...collectedSets,
  }),
  install: member('install', { ...infoFields, before: voters, end }),
  installed: member('installed', ofLedger),
  moved: member('moved', { ...ofLedger, info }),
}

/** Every hint, by its type. */
export const hints: Members<core.Hint> = {
  announce: member('announce', {
    info,
    round: uint32,
    counter: uint32,
    classes: fc.array(backlog, few),
  }),
  taken: member('taken', { ledger, seqs }),
  presence: member('presence', { queues, concurrency: uint32, free: uint32 }),
}

/** A zero is as good as nothing, and is not written. */
const msOrNone = fc.option(
  ms.filter(value => value > 0),
  { nil: undefined },
)

/** Every journal entry, by its type. */
export const entries: Members<Entry> = {
  opened: member('opened', { ...infoFields, openedWallMs: msOrNone }),
  closed: member('closed', { ledger, end: fc.integer({ min: 0, max: maxSeq }) }),
  stored: member('stored', {
    ledger,
    dueWallMs: ms,
    publishedWallMs: ms,
    chunk,
    origin: fc.option(record({ guest: peer, request: wordOrNone, key }), { nil: undefined }),
  }),
  granted: member('granted', { ledger, claimId: uint32, ballot, seqs }),
  released: member('released', { ledger, ballot, seqs }),
  accepted: member('accepted', { ledger, ballot, dueWallMs: ms, values: valuesList }),
  settled: member('settled', { ledger, outcomes, settledWallMs: msOrNone }),
  collected: member('collected', { ledger, ...collectedSets }),
  forked: member('forked', { ledger, seqs }),
  blocked: member('blocked', { untilWallMs: ms }),
  retired: member('retired', {
    ledger,
    epoch: uint32,
    end: fc.integer({ min: 0, max: maxSeq }),
    retiredWallMs: ms,
    failed: seqs,
    cancelled: seqs,
    forgotten: seqs,
  }),
  reserved: member('reserved', { ledger, mark: uint32 }),
  grants: seqs.chain(seqs =>
    member('grants', { ledger, seqs: fc.constant(seqs), grants: grantsOf(seqs) }),
  ),
  submitted: member('submitted', { guest: peer, request: word, ledger, seqs }),
  echo: member('echo', { peer, storageId, lsn, incarnation: incarnationOrNone }),
  keyed: member('keyed', { queue: word, ledger, seq: task, ...taskKeyFields }),
  started: member('started', { node }),
  observed: member('observed', infoFields),
  succession: member('succession', { ...ofLedger, promised: ballot, accepted: ballot, voters }),
  sealed: member('sealed', infoFields),
  installed: member('installed', infoFields),
  moved: member('moved', infoFields),
}

/** Any message. */
export const message: fc.Arbitrary<core.Message> = fc.oneof(
  ...Object.values<fc.Arbitrary<core.Message>>(messages),
)

/** Any frame of a control stream. */
export const envelope: fc.Arbitrary<core.Envelope> = record({ lsn, message })

/** Any hint. */
export const hint: fc.Arbitrary<core.Hint> = fc.oneof(
  ...Object.values<fc.Arbitrary<core.Hint>>(hints),
)

/** Any journal entry. */
export const entry: fc.Arbitrary<Entry> = fc.oneof(...Object.values<fc.Arbitrary<Entry>>(entries))
