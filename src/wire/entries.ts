import type * as core from '../core/entries.ts'
import {
  incarnationOrNone,
  integer,
  ledgerId,
  lsn,
  ms,
  nodeId,
  numbers,
  peerId,
  queue,
  ranges,
  storageId,
  text,
  textOrNone,
  uint32,
} from './fields.ts'
import { checkGrants } from './checks.ts'
import { maxKeyBytes, maxRangesPerSet, maxSeq, maxStringBytes } from './limits.ts'
import { optional, record, union } from './records.ts'
import {
  ballot,
  chunk,
  ledgerInfoFields,
  ofLedger,
  outcomes,
  taskKey,
  valuesList,
  voters,
} from './values.ts'

/* The entries of a journal, each as a table of its fields. */

const opened = record<core.OpenedEntry>(
  'OpenedEntry',
  { ...ledgerInfoFields, openedWallMs: optional(ms) },
  { type: 'opened' },
)

const closed = record<core.ClosedEntry>(
  'ClosedEntry',
  { ledger: ledgerId, end: integer(0, maxSeq) },
  { type: 'closed' },
)

const origin = record<core.Origin>('Origin', {
  guest: peerId,
  request: textOrNone(maxStringBytes),
  key: optional(taskKey),
})

const stored = record<core.StoredEntry>(
  'StoredEntry',
  { ledger: ledgerId, dueWallMs: ms, publishedWallMs: ms, chunk, origin: optional(origin) },
  { type: 'stored' },
)

const granted = record<core.GrantedEntry>(
  'GrantedEntry',
  { ledger: ledgerId, claimId: uint32, ballot, seqs: ranges },
  { type: 'granted' },
)

const released = record<core.ReleasedEntry>(
  'ReleasedEntry',
  { ledger: ledgerId, ballot, seqs: ranges },
  { type: 'released' },
)

const accepted = record<core.AcceptedEntry>(
  'AcceptedEntry',
  { ledger: ledgerId, ballot, dueWallMs: ms, values: valuesList },
  { type: 'accepted' },
)

const settled = record<core.SettledEntry>(
  'SettledEntry',
  { ledger: ledgerId, outcomes, settledWallMs: optional(ms) },
  { type: 'settled' },
)

const collected = record<core.CollectedEntry>(
  'CollectedEntry',
  { ledger: ledgerId, done: ranges, failed: ranges, cancelled: ranges, forgotten: ranges },
  { type: 'collected' },
)

const retired = record<core.RetiredEntry>(
  'RetiredEntry',
  {
    ledger: ledgerId,
    epoch: uint32,
    end: integer(0, maxSeq),
    retiredWallMs: ms,
    failed: ranges,
    cancelled: ranges,
    forgotten: ranges,
  },
  { type: 'retired' },
)

const reserved = record<core.ReservedEntry>(
  'ReservedEntry',
  { ledger: ledgerId, mark: uint32 },
  { type: 'reserved' },
)

const grants = record<core.GrantsEntry>(
  'GrantsEntry',
  { ledger: ledgerId, seqs: ranges, grants: numbers(2 * maxRangesPerSet) },
  { type: 'grants', check: ({ grants, seqs }) => checkGrants(grants, seqs) },
)

const submitted = record<core.SubmittedEntry>(
  'SubmittedEntry',
  { guest: peerId, request: text(maxStringBytes), ledger: ledgerId, seqs: ranges },
  { type: 'submitted' },
)

const keyed = record<core.KeyedEntry>(
  'KeyedEntry',
  {
    queue,
    key: text(maxKeyBytes),
    digest: text(maxStringBytes),
    ledger: ledgerId,
    seq: integer(0, maxSeq - 1),
  },
  { type: 'keyed' },
)

const echo = record<core.EchoEntry>(
  'EchoEntry',
  { peer: peerId, storageId, lsn, incarnation: incarnationOrNone },
  { type: 'echo' },
)

const started = record<core.StartedEntry>('StartedEntry', { node: nodeId }, { type: 'started' })

const observed = record<core.ObservedEntry>('ObservedEntry', ledgerInfoFields, { type: 'observed' })

const succession = record<core.SuccessionEntry>(
  'SuccessionEntry',
  { ...ofLedger, promised: ballot, accepted: ballot, voters },
  { type: 'succession' },
)

const sealed = record<core.SealedEntry>('SealedEntry', ledgerInfoFields, { type: 'sealed' })

const installed = record<core.InstalledEntry>('InstalledEntry', ledgerInfoFields, {
  type: 'installed',
})

const blocked = record<core.BlockedEntry>('BlockedEntry', { untilWallMs: ms }, { type: 'blocked' })

const forked = record<core.ForkedEntry>(
  'ForkedEntry',
  { ledger: ledgerId, seqs: ranges },
  { type: 'forked' },
)

const moved = record<core.MovedEntry>('MovedEntry', ledgerInfoFields, { type: 'moved' })

/** Every entry of a journal. */
export const entries = union<core.Entry>('Entry', 'entry', {
  opened,
  closed,
  stored,
  granted,
  released,
  accepted,
  settled,
  reserved,
  grants,
  submitted,
  keyed,
  collected,
  retired,
  echo,
  started,
  observed,
  succession,
  sealed,
  installed,
  moved,
  forked,
  blocked,
})
