import type * as core from '../core/messages.ts'
import {
  address,
  blob,
  choice,
  flag,
  incarnation,
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
import type { Field } from './fields.ts'
import * as wire from './generated/meshwork_pb.ts'
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
  acceptedValues,
  backlog,
  ballot,
  chunks,
  heldLease,
  knownPeer,
  ledgerInfo,
  ledgerInfoFields,
  lostLease,
  outcomes,
  refusal,
  taskClass,
  valuesList,
} from './values.ts'

/* The messages of a control stream, each as a table of its fields. */

const end = integer(0, maxSeq)
const ofLedger = { ledger: ledgerId, epoch: uint32 }
const lostLeases = list(lostLease, maxLeasesPerMessage)
const voterSeqs = { stored: ranges, settled: ranges }

/** Run grants along a set: at most one pair for each of its tasks. */
export const grants = numbers(2 * maxTasksPerChunk)

const hello = record<core.Hello>(
  wire.HelloSchema,
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

const goodbye = record<core.Goodbye>(wire.GoodbyeSchema, {}, { type: 'goodbye' })

const open = record<core.OpenLedger>(wire.OpenSchema, ledgerInfoFields, { type: 'open' })

const opened = record<core.LedgerOpened>(wire.OpenedSchema, ofLedger, {
  type: 'opened',
})

const close = record<core.CloseLedger>(wire.CloseSchema, { ...ofLedger, end }, { type: 'close' })

const closed = record<core.LedgerClosed>(wire.ClosedSchema, ofLedger, {
  type: 'closed',
})

const unknownLedger = record<core.UnknownLedger>(wire.UnknownLedgerSchema, ofLedger, {
  type: 'unknown-ledger',
})

const store = record<core.Store>(
  wire.StoreSchema,
  { ...ofLedger, fresh: flag, chunks },
  { type: 'store' },
)

const stored = record<core.Stored>(
  wire.StoredSchema,
  { ...ofLedger, counter: uint32, ...voterSeqs, conflict: ranges, full: ranges, fullMs: ms },
  { type: 'stored' },
)

const claim = record<core.Claim>(
  wire.ClaimSchema,
  {
    ...ofLedger,
    claimId: uint32,
    ballot,
    intent: choice({
      run: wire.Intent.RUN,
      raise: wire.Intent.RAISE,
      finish: wire.Intent.FINISH,
      cancel: wire.Intent.CANCEL,
    }),
    seqs: ranges,
    any: list(taskClass, maxClasses),
    anyCount: uint32,
    records: flag,
  },
  { type: 'claim' },
)

const claimed = record<core.Claimed>(
  wire.ClaimedSchema,
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
  wire.RenewSchema,
  {
    beat: uint32,
    confirmed: numbers(maxLeasesPerMessage),
    held: uint32,
    digest: uint32,
    list: optional(wrapped(wire.LeaseListSchema, 'leases', list(heldLease, maxLeasesPerMessage))),
  },
  { type: 'renew' },
)

const renewed = record<core.Renewed>(
  wire.RenewedSchema,
  { beat: uint32, leaseMs: ms, sendList: flag, lost: lostLeases },
  { type: 'renewed' },
)

const lost = record<core.Lost>(wire.LostSchema, { lost: lostLeases }, { type: 'lost' })

const release = record<core.Release>(
  wire.ReleaseSchema,
  { ...ofLedger, claimId: uint32, ballot, seqs: ranges },
  { type: 'release' },
)

const settle = record<core.Settle>(
  wire.SettleSchema,
  { ...ofLedger, ballot, values: valuesList, acceptLsn: lsn },
  { type: 'settle' },
)

const accepted = record<core.Accepted>(
  wire.AcceptedSchema,
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

const decided = record<core.Decided>(
  wire.DecidedSchema,
  { ...ofLedger, outcomes },
  { type: 'decided' },
)

const fetch = record<core.Fetch>(
  wire.FetchSchema,
  {
    ...ofLedger,
    what: choice({ records: wire.FetchWhat.RECORDS, outcomes: wire.FetchWhat.OUTCOMES }),
    seqs: ranges,
  },
  { type: 'fetch' },
)

const records = record<core.Records>(
  wire.RecordsSchema,
  { ...ofLedger, chunks },
  { type: 'records' },
)

/** The end of a ledger, absent while it is open, which the core has as −1. */
const endOrOpen: Field<number> = {
  ...end,
  write(out, tag, value) {
    if (value === -1) return
    if (value !== 0) return end.write(out, tag, value)
    out.varint(0)
    out.varint(tag)
  },
  absent: () => -1,
}

const compare = record<core.Compare>(
  wire.CompareSchema,
  { ...ofLedger, counter: uint32, end: endOrOpen, ...voterSeqs },
  { type: 'compare' },
)

const watch = record<core.Watch>(
  wire.WatchSchema,
  { ledger: ledgerId, seqs: ranges, progress: flag },
  { type: 'watch' },
)

const unwatch = record<core.Unwatch>(
  wire.UnwatchSchema,
  { ledger: ledgerId, seqs: ranges },
  { type: 'unwatch' },
)

const outcomesMessage = record<core.Outcomes>(
  wire.OutcomesSchema,
  { ledger: ledgerId, values: valuesList },
  { type: 'outcomes' },
)

const sync = record<core.Sync>(
  wire.SyncSchema,
  { queues: list(queue, maxQueues) },
  { type: 'sync' },
)

const ledgerBacklog = record<core.LedgerBacklog>(wire.LedgerBacklogSchema, {
  info: ledgerInfo,
  counter: uint32,
  classes: list(backlog, maxClasses),
})

const backlogs = record<core.Backlogs>(
  wire.BacklogsSchema,
  { ledgers: list(ledgerBacklog, maxLedgersPerMessage) },
  { type: 'backlogs' },
)

const submit = record<core.Submit>(
  wire.SubmitSchema,
  { request: text(maxStringBytes), chunks },
  { type: 'submit' },
)

const submitted = record<core.Submitted>(
  wire.SubmittedSchema,
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
  wire.ProgressSchema,
  {
    ledger: ledgerId,
    seq: integer(0, maxSeq - 1),
    token: uint32,
    kind: choice({ progress: wire.ProgressKind.PROGRESS, log: wire.ProgressKind.LOG }),
    body: blob(maxProgressBytes),
  },
  { type: 'progress' },
)

/** Every message of a control stream. */
export const messages = union<core.Message>(wire.EnvelopeSchema, {
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
  watch,
  unwatch,
  outcomes: outcomesMessage,
  sync,
  backlogs,
  submit,
  submitted,
  progress,
})
