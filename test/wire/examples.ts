import type { Entry } from '../../src/core/entries.ts'
import type { Chunk, Envelope, Hint, LedgerInfo, Message, Values } from '../../src/core/messages.ts'

/* One value of every kind with every field set, of which golden/ has the bytes. */

const ledger = '000102030405060708090a0b0c0d0e0f'
const peer = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const node = `${peer}.0123456789abcdef`
const storageId = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'
const ballot = { counter: 4711, proposer: node }
const ofLedger = { ledger, epoch: 1 }
const seqs = [0, 3, 130, 1, 70_000, 200]

const chunk: Chunk = {
  first: 200_000,
  count: 3,
  spec: {
    queue: 'thumbnail',
    priority: -5,
    requires: 'gpu=1,os=linux',
    attempts: 3,
    backoff: 'exponential',
    backoffMs: 1000,
    backoffMaxMs: 60_000,
    timeoutMs: 300_000,
    resultTtlMs: 86_400_000,
  },
  ageMs: 12,
  delayMs: 5_000_000_000,
  lengths: Uint32Array.of(1, 0, 130),
  payload: new Uint8Array(131).fill(0x61),
  startWithinMs: 0,
  endWithinMs: 0,
  fork: undefined,
}

const failed: Values = {
  seqs: [7, 1, 9, 1],
  kind: 'failed',
  failures: 3,
  delayMs: 0,
  reason: 'unrecoverable',
  by: peer,
  lengths: Uint32Array.of(2, 3),
  body: Uint8Array.of(1, 2, 3, 4, 5),
}

const pending: Values = { ...failed, kind: 'pending', reason: '', delayMs: 2500 }

const voters = [{ peer, storageId }]
const info: LedgerInfo = { ...ofLedger, producer: node, voters }
const copying = { ...ofLedger, from: 7, to: 2 ** 31, stored: seqs, settled: [4, 1] }
const taskClass = { queue: 'thumbnail', priority: 7, requires: 'gpu=1' }
const backlog = { ...taskClass, ageMs: 1500, backlog: 1000, seqs }
const knownPeer = { peer, addresses: ['/ip4/192.0.2.1/tcp/4001'] }
const collected = { done: seqs, failed: [3, 1], cancelled: [5, 2], forgotten: [9, 9] }
const lostLeases = [{ ledger, claimId: 12, seqs }]
const outcomes = [{ ballot, kind: 'failed', seqs: [7, 1, 9, 1], values: [failed] }] as const

/** Messages by type. */
const messages: { [K in Message['type']]: Extract<Message, { type: K }> } = {
  hello: {
    type: 'hello',
    minVersion: 1,
    maxVersion: 2,
    incarnation: '0123456789abcdef',
    storageId,
    guest: true,
    addresses: ['/ip4/192.0.2.1/tcp/4001'],
    peers: [knownPeer],
    queues: ['thumbnail', 'mail'],
    concurrency: 8,
    echoStorageId: storageId,
    echoLsn: 2 ** 40,
    echoIncarnation: '',
    echoBeforeLsn: 0,
    changes: false,
  },
  goodbye: { type: 'goodbye' },
  open: { type: 'open', ...info },
  opened: { type: 'opened', ...ofLedger },
  close: { type: 'close', ...ofLedger, end: 1_000_000 },
  closed: { type: 'closed', ...ofLedger },
  'unknown-ledger': { type: 'unknown-ledger', ...ofLedger },
  store: { type: 'store', ...ofLedger, fresh: true, chunks: [chunk], grant: undefined },
  stored: {
    type: 'stored',
    ...ofLedger,
    counter: 4711,
    stored: seqs,
    settled: [4, 1],
    conflict: [6, 2],
    full: [9, 9],
    fullMs: 1000,
  },
  claim: {
    type: 'claim',
    ...ofLedger,
    claimId: 12,
    ballot,
    intent: 'cancel',
    seqs,
    any: [taskClass],
    anyCount: 32,
    records: true,
    idle: false,
  },
  claimed: {
    type: 'claimed',
    ...ofLedger,
    counter: 4711,
    claimId: 12,
    ballot,
    granted: seqs,
    leaseMs: 1000,
    grants: [4, 1, 200, 2],
    accepted: [{ ballot, values: pending }],
    held: [0, 2],
    refused: [{ reason: 'not-due', seqs: [5, 1], ms: 700, counter: 9 }],
    chunks: [chunk],
  },
  renew: {
    type: 'renew',
    beat: 77,
    confirmed: [12, 300],
    held: 204,
    digest: 0xdeadbeef,
    decidedBelow: 0,
    list: [{ ledger, claimId: 12, ballot, seqs }],
  },
  renewed: {
    type: 'renewed',
    beat: 77,
    leaseMs: 30_000,
    sendList: true,
    lost: lostLeases,
    elsewhere: [],
  },
  lost: { type: 'lost', lost: lostLeases, cancelled: false },
  release: { type: 'release', ...ofLedger, claimId: 12, ballot, seqs },
  settle: { type: 'settle', ...ofLedger, ballot, values: [failed], acceptLsn: 99_000 },
  accepted: {
    type: 'accepted',
    ...ofLedger,
    counter: 4711,
    ballot,
    accepted: seqs,
    behind: [4, 1],
    settled: [6, 2],
    missing: [9, 9],
  },
  decided: { type: 'decided', ...ofLedger, outcomes },
  fetch: { type: 'fetch', ...ofLedger, what: 'outcomes', seqs },
  records: { type: 'records', ...ofLedger, chunks: [chunk] },
  compare: {
    type: 'compare',
    ...ofLedger,
    counter: 4711,
    end: 0,
    stored: seqs,
    settled: [4, 1],
  },
  collected: { type: 'collected', ...ofLedger, end: 1_000_000, ...collected },
  'collected-later': { type: 'collected-later', ledger, ...collected },
  watch: { type: 'watch', ledger, seqs, progress: true },
  unwatch: { type: 'unwatch', ledger, seqs },
  outcomes: { type: 'outcomes', ledger, values: [failed, pending], fork: undefined },
  sync: { type: 'sync', queues: ['thumbnail', 'mail'], slots: 0 },
  backlogs: {
    type: 'backlogs',
    ledgers: [{ info, counter: 4711, classes: [backlog] }],
    offered: false,
  },
  submit: { type: 'submit', request: 'r-1', chunks: [chunk], key: undefined, copies: 0 },
  submitted: {
    type: 'submitted',
    request: 'r-1',
    refused: 'full',
    ...ofLedger,
    seqs,
    durable: true,
    voters: [knownPeer],
  },
  progress: {
    type: 'progress',
    ledger,
    seq: 200_001,
    token: 4711,
    kind: 'log',
    body: Uint8Array.of(104, 105),
  },
  elect: { type: 'elect', ...ofLedger, ballot, voters },
  elected: {
    type: 'elected',
    ...ofLedger,
    ballot,
    granted: true,
    counter: 4712,
    accepted: { ...ballot, counter: 9 },
    voters,
  },
  invite: { type: 'invite', ...info, standing: false },
  invited: { type: 'invited', ...ofLedger },
  observe: { type: 'observe', ...copying },
  seal: { type: 'seal', ...copying, voters },
  state: {
    type: 'state',
    ...ofLedger,
    sealed: true,
    voting: false,
    from: 7,
    next: 70_200,
    counter: 4711,
    end: 0,
    blockedMs: 29_000,
    registers: [
      {
        seqs: [7, 1, 9, 1],
        promised: ballot,
        accepted: { ...ballot, counter: 9 },
        values: [pending],
        grants: 2,
        lease: ballot,
        claimId: 12,
        tentative: true,
        dueMs: 2500,
      },
    ],
    outcomes,
    chunks: [chunk],
    done: [],
    failed: [],
    cancelled: [],
    forgotten: [],
  },
  install: { type: 'install', ...info, before: voters, end: 0 },
  installed: { type: 'installed', ...ofLedger },
  moved: { type: 'moved', ledger, epoch: 0, info },
}

const fork = { ledger: 'f0'.repeat(16), shift: -199_000, generation: 2 }

const taskKey = { key: 'order 17', digest: 'J5nq7ygbUMWc' }

/** Messages with fields that came later. */
const laterMessages: Record<string, Message> = {
  'store-granted': { ...messages.store, grant: { info, claimId: 2 ** 31 + 7, ballot } },
  'claim-idle': { ...messages.claim, intent: 'run', idle: true },
  'hello-changes': { ...messages.hello, changes: true },
  'submit-copies': { ...messages.submit, copies: 3 },
  'submit-key': { ...messages.submit, key: taskKey },
  'state-collected': { ...messages.state, ...collected },
  'renewed-elsewhere': { ...messages.renewed, elsewhere: lostLeases },
  'sync-waits': { ...messages.sync, slots: 4 },
  'backlogs-offered': { ...messages.backlogs, offered: true },
  'outcomes-forked': { ...messages.outcomes, fork },
  'store-forked': { ...messages.store, chunks: [{ ...chunk, fork }] },
  'invite-standing': { ...messages.invite, standing: true },
  'renew-decided': { ...messages.renew, decidedBelow: 301 },
  'state-voting': { ...messages.state, voting: true },
  'hello-echo': { ...messages.hello, echoIncarnation: 'fedcba9876543210', echoBeforeLsn: 2 ** 39 },
}

/** Envelopes by the type of their message. */
export const envelopes: ReadonlyMap<string, Envelope> = new Map(
  [...Object.entries<Message>(messages), ...Object.entries(laterMessages)].map(
    ([type, message]) => [type, { lsn: 300, message }],
  ),
)

/** Hints by type. */
const hintsByType: { [K in Hint['type']]: Extract<Hint, { type: K }> } = {
  announce: { type: 'announce', info, round: 5, counter: 4711, classes: [backlog] },
  taken: { type: 'taken', ledger, seqs },
  presence: { type: 'presence', queues: ['thumbnail', 'mail'], concurrency: 8, free: 3 },
}

/** One gossip message for each type of hint. */
export const hints: ReadonlyMap<string, Hint[]> = new Map(
  Object.entries<Hint>(hintsByType).map(([type, hint]) => [type, [hint]]),
)

/** Journal entries by type. */
const entriesByType: { [K in Entry['type']]: Extract<Entry, { type: K }> } = {
  opened: { type: 'opened', ...info, openedWallMs: undefined },
  closed: { type: 'closed', ledger, end: 1_000_000 },
  stored: {
    type: 'stored',
    ledger,
    dueWallMs: 1_800_000_000_500,
    publishedWallMs: 1_800_000_000_000,
    chunk,
    origin: undefined,
  },
  granted: { type: 'granted', ledger, claimId: 12, ballot, seqs },
  released: { type: 'released', ledger, ballot, seqs },
  accepted: {
    type: 'accepted',
    ledger,
    ballot,
    dueWallMs: 1_800_000_002_500,
    values: [pending],
  },
  settled: { type: 'settled', ledger, outcomes, settledWallMs: undefined },
  reserved: { type: 'reserved', ledger, mark: 65_536 },
  grants: { type: 'grants', ledger, seqs, grants: [4, 1, 200, 2] },
  submitted: { type: 'submitted', guest: peer, request: 'r-1', ledger, seqs },
  keyed: { type: 'keyed', queue: 'mail', ...taskKey, ledger, seq: 7 },
  collected: { type: 'collected', ledger, ...collected },
  retired: {
    type: 'retired',
    ledger,
    epoch: 1,
    end: 1_000_000,
    retiredWallMs: 1_800_000_000_000,
    failed: [3, 1],
    cancelled: [5, 2],
    forgotten: [9, 9],
  },
  echo: { type: 'echo', peer, storageId, lsn: 2 ** 40, incarnation: '' },
  started: { type: 'started', node },
  observed: { type: 'observed', ...info },
  succession: {
    type: 'succession',
    ...ofLedger,
    promised: ballot,
    accepted: { ...ballot, counter: 9 },
    voters,
  },
  sealed: { type: 'sealed', ...info },
  installed: { type: 'installed', ...info },
  moved: { type: 'moved', ...info },
  forked: { type: 'forked', ledger, seqs },
  blocked: { type: 'blocked', untilWallMs: 1_800_000_000_000 },
}

/** Entries with fields that came later. */
const laterEntries: Record<string, Entry> = {
  'opened-at': { ...entriesByType.opened, openedWallMs: 1_800_000_000_000 },
  'settled-at': { ...entriesByType.settled, settledWallMs: 1_800_000_000_000 },
  'stored-origin': {
    ...entriesByType.stored,
    origin: { guest: peer, request: 'r-1', key: undefined },
  },
  'stored-key': { ...entriesByType.stored, origin: { guest: peer, request: '', key: taskKey } },
  'stored-limits': {
    ...entriesByType.stored,
    chunk: { ...chunk, startWithinMs: 30_000, endWithinMs: 3_600_000 },
  },
  'stored-forked': { ...entriesByType.stored, chunk: { ...chunk, fork } },
  'echo-incarnation': { ...entriesByType.echo, incarnation: '0123456789abcdef' },
}

/** Journal entries by type. */
export const entries: ReadonlyMap<string, Entry> = new Map([
  ...Object.entries<Entry>(entriesByType),
  ...Object.entries(laterEntries),
])
