import type { DirectGrant } from '../core/direct-grant.ts'
import type { CollectedTasks, LaterCollected } from '../core/collected.ts'
import type * as guests from '../core/guest-messages.ts'
import type * as core from '../core/messages.ts'
import {
  address,
  blob,
  choice,
  flag,
  incarnation,
  incarnationOrNone,
  integer,
  ledgerId,
  ledgerIdOrNone,
  lsn,
  ms,
  numbers,
  queue,
  ranges,
  storageIdOrNone,
  text,
  textOrNone,
  uint32,
} from './fields.ts'
import { changeMessages } from './change-messages.ts'
import { enums } from './generated/schema.ts'
import {
  maxAddresses,
  maxClasses,
  maxGroupsPerMessage,
  maxLeasesPerMessage,
  maxLedgersPerMessage,
  maxPeers,
  maxProgressBytes,
  maxQueues,
  maxSeq,
  maxStringBytes,
  maxTasksPerChunk,
  maxVoters,
} from './limits.ts'
import { checkGrants } from './checks.ts'
import { Problem } from './problem.ts'
import { list, optional, record, union, wrapped } from './records.ts'
import {
  fork,
  acceptedValues,
  backlog,
  ballot,
  chunks,
  end,
  endOrOpen,
  heldLease,
  knownPeer,
  ledgerInfo,
  ledgerInfoFields,
  lostLease,
  ofLedger,
  outcomes,
  refusal,
  taskClass,
  valuesList,
  taskKey,
} from './values.ts'

/* The messages of a control stream, each as a table of its fields. */

const lostLeases = list(lostLease, maxLeasesPerMessage)
const voterSeqs = { stored: ranges, settled: ranges }

/** Run grants along a set: at most one pair for each of its tasks. */
export const grants = numbers(2 * maxTasksPerChunk)

const hello = record<core.Hello>(
  'Hello',
  {
    minVersion: integer(1),
    maxVersion: integer(1),
    incarnation,
    storageId: storageIdOrNone,
    guest: flag,
    addresses: list(address, maxAddresses),
    peers: list(knownPeer, maxPeers),
    queues: list(queue, maxQueues),
    concurrency: uint32,
    echoStorageId: storageIdOrNone,
    echoLsn: lsn,
    changes: flag,
    echoIncarnation: incarnationOrNone,
    echoBeforeLsn: lsn,
  },
  {
    type: 'hello',
    check({ minVersion, maxVersion }) {
      if (minVersion > maxVersion) {
        throw new Problem(`versions from ${minVersion} to ${maxVersion}`)
      }
    },
  },
)

const goodbye = record<core.Goodbye>('Goodbye', {}, { type: 'goodbye' })

const open = record<core.OpenLedger>('Open', ledgerInfoFields, { type: 'open' })

const opened = record<core.LedgerOpened>('Opened', ofLedger, {
  type: 'opened',
})

const close = record<core.CloseLedger>('Close', { ...ofLedger, end }, { type: 'close' })

const closed = record<core.LedgerClosed>('Closed', ofLedger, {
  type: 'closed',
})

const unknownLedger = record<core.UnknownLedger>('UnknownLedger', ofLedger, {
  type: 'unknown-ledger',
})

const directGrant = record<DirectGrant>('DirectGrant', {
  info: ledgerInfo,
  claimId: uint32,
  ballot,
})

const store = record<core.Store>(
  'Store',
  { ...ofLedger, fresh: flag, chunks, grant: optional(directGrant) },
  { type: 'store' },
)

const stored = record<core.Stored>(
  'Stored',
  { ...ofLedger, counter: uint32, ...voterSeqs, conflict: ranges, full: ranges, fullMs: ms },
  { type: 'stored' },
)

const claim = record<core.Claim>(
  'Claim',
  {
    ...ofLedger,
    claimId: uint32,
    ballot,
    intent: choice(enums.intent),
    seqs: ranges,
    any: list(taskClass, maxClasses),
    anyCount: uint32,
    records: flag,
    idle: flag,
  },
  { type: 'claim' },
)

const claimed = record<core.Claimed>(
  'Claimed',
  {
    ...ofLedger,
    counter: uint32,
    claimId: uint32,
    ballot,
    granted: ranges,
    leaseMs: ms,
    grants,
    accepted: list(acceptedValues, maxGroupsPerMessage),
    held: ranges,
    refused: list(refusal, maxGroupsPerMessage),
    chunks,
  },
  { type: 'claimed', check: ({ grants, granted }) => checkGrants(grants, granted) },
)

const renew = record<core.Renew>(
  'Renew',
  {
    beat: uint32,
    confirmed: numbers(maxLeasesPerMessage),
    held: uint32,
    digest: uint32,
    decidedBelow: uint32,
    list: optional(wrapped('LeaseList', 'leases', list(heldLease, maxLeasesPerMessage))),
  },
  { type: 'renew' },
)

const renewed = record<core.Renewed>(
  'Renewed',
  { beat: uint32, leaseMs: ms, sendList: flag, lost: lostLeases, elsewhere: lostLeases },
  { type: 'renewed' },
)

const lost = record<core.Lost>('Lost', { lost: lostLeases, cancelled: flag }, { type: 'lost' })

const release = record<core.Release>(
  'Release',
  { ...ofLedger, claimId: uint32, ballot, seqs: ranges },
  { type: 'release' },
)

const settle = record<core.Settle>(
  'Settle',
  { ...ofLedger, ballot, values: valuesList, acceptLsn: lsn },
  { type: 'settle' },
)

const accepted = record<core.Accepted>(
  'Accepted',
  {
    ...ofLedger,
    counter: uint32,
    ballot,
    accepted: ranges,
    behind: ranges,
    settled: ranges,
    missing: ranges,
  },
  { type: 'accepted' },
)

const decided = record<core.Decided>('Decided', { ...ofLedger, outcomes }, { type: 'decided' })

const fetch = record<core.Fetch>(
  'Fetch',
  {
    ...ofLedger,
    what: choice(enums.fetchWhat),
    seqs: ranges,
  },
  { type: 'fetch' },
)

const records = record<core.Records>('Records', { ...ofLedger, chunks }, { type: 'records' })

const compare = record<core.Compare>(
  'Compare',
  { ...ofLedger, counter: uint32, end: endOrOpen, ...voterSeqs },
  { type: 'compare' },
)

const collected = record<CollectedTasks>(
  'Collected',
  {
    ...ofLedger,
    end: endOrOpen,
    done: ranges,
    failed: ranges,
    cancelled: ranges,
    forgotten: ranges,
  },
  { type: 'collected' },
)

const collectedLater = record<LaterCollected>(
  'CollectedLater',
  { ledger: ledgerId, done: ranges, failed: ranges, cancelled: ranges, forgotten: ranges },
  { type: 'collected-later' },
)

const watch = record<core.Watch>(
  'Watch',
  { ledger: ledgerId, seqs: ranges, progress: flag },
  { type: 'watch' },
)

const unwatch = record<core.Unwatch>(
  'Unwatch',
  { ledger: ledgerId, seqs: ranges },
  { type: 'unwatch' },
)

const outcomesMessage = record<core.Outcomes>(
  'Outcomes',
  { ledger: ledgerId, values: valuesList, fork: optional(fork) },
  { type: 'outcomes' },
)

const sync = record<core.Sync>(
  'Sync',
  { queues: list(queue, maxQueues), slots: uint32 },
  { type: 'sync' },
)

const ledgerBacklog = record<core.LedgerBacklog>('LedgerBacklog', {
  info: ledgerInfo,
  counter: uint32,
  classes: list(backlog, maxClasses),
})

const backlogs = record<core.Backlogs>(
  'Backlogs',
  { ledgers: list(ledgerBacklog, maxLedgersPerMessage), offered: flag },
  { type: 'backlogs' },
)

const submit = record<guests.Submit>(
  'Submit',
  {
    request: text(maxStringBytes),
    chunks,
    key: optional(taskKey),
    copies: integer(0, maxVoters),
  },
  { type: 'submit' },
)

const submitted = record<guests.Submitted>(
  'Submitted',
  {
    request: text(maxStringBytes),
    refused: textOrNone(maxStringBytes),
    ledger: ledgerIdOrNone,
    epoch: uint32,
    seqs: ranges,
    durable: flag,
    voters: list(knownPeer, maxVoters),
  },
  { type: 'submitted' },
)

const progress = record<core.Progress>(
  'Progress',
  {
    ledger: ledgerId,
    seq: integer(0, maxSeq - 1),
    token: uint32,
    kind: choice(enums.progressKind),
    body: blob(maxProgressBytes),
  },
  { type: 'progress' },
)

/** Every message of a control stream. */
export const messages = union<core.Message>('Envelope', 'message', {
  hello,
  goodbye,
  open,
  opened,
  close,
  closed,
  'unknown-ledger': unknownLedger,
  store,
  stored,
  claim,
  claimed,
  renew,
  renewed,
  lost,
  release,
  settle,
  accepted,
  decided,
  fetch,
  records,
  compare,
  collected,
  'collected-later': collectedLater,
  watch,
  unwatch,
  outcomes: outcomesMessage,
  sync,
  backlogs,
  submit,
  submitted,
  progress,
  ...changeMessages,
})
