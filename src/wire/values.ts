import type { Ballot } from '../core/ballot.ts'
import type {
  AcceptedValues,
  Backlog,
  Chunk,
  DecidedRange,
  HeldLease,
  KnownPeer,
  LedgerInfo,
  LostLease,
  Refusal,
  TaskClass,
  TaskSpec,
  Values,
  Voter,
} from '../core/messages.ts'
import { countOf } from '../core/ranges.ts'
import {
  address,
  blob,
  choice,
  integer,
  labels,
  ledgerId,
  lengths,
  ms,
  nodeId,
  nodeIdOrNone,
  peerId,
  peerIdOrNone,
  priority,
  queue,
  ranges,
  storageId,
  uint32,
} from './fields.ts'
import * as wire from './generated/meshwork_pb.ts'
import {
  maxAddresses,
  maxFrameBytes,
  maxGroupsPerMessage,
  maxPayloadBytes,
  maxResultBytes,
  maxSeq,
  maxTasksPerChunk,
  maxVoters,
} from './limits.ts'
import { checkLengths } from './checks.ts'
import { Problem } from './problem.ts'
import { list, record } from './records.ts'

/* What messages and entries are made of. */

export const ballot = record<Ballot>(
  wire.BallotSchema,
  { counter: uint32, proposer: nodeIdOrNone },
  {
    check({ counter, proposer }) {
      if ((counter === 0) !== (proposer === '')) {
        throw new Problem(`counter ${counter} of proposer '${proposer}'`)
      }
    },
  },
)

export const voter = record<Voter>(wire.VoterSchema, { peer: peerId, storageId })

/** The fields of a `LedgerInfo`, which is also the whole of some messages. */
export const ledgerInfoFields = {
  ledger: ledgerId,
  epoch: uint32,
  producer: nodeId,
  voters: list(voter, maxVoters),
}

export const ledgerInfo = record<LedgerInfo>(wire.LedgerInfoSchema, ledgerInfoFields)

export const knownPeer = record<KnownPeer>(wire.KnownPeerSchema, {
  peer: peerId,
  addresses: list(address, maxAddresses),
})

const taskClassFields = { queue, priority, requires: labels }

export const taskClass = record<TaskClass>(wire.TaskClassSchema, taskClassFields)

export const backlog = record<Backlog>(
  wire.BacklogSchema,
  { ...taskClassFields, ageMs: ms, backlog: uint32, seqs: ranges },
  {
    check({ backlog, seqs }) {
      const count = countOf(seqs)
      if (count > backlog) throw new Problem(`${count} tasks of a backlog of ${backlog}`)
    },
  },
)

const taskSpec = record<TaskSpec>(wire.TaskSpecSchema, {
  ...taskClassFields,
  attempts: integer(1),
  backoff: choice({ fixed: wire.Backoff.FIXED, exponential: wire.Backoff.EXPONENTIAL }),
  backoffMs: ms,
  backoffMaxMs: ms,
  timeoutMs: ms,
  resultTtlMs: ms,
})

export const chunk = record<Chunk>(
  wire.ChunkSchema,
  {
    first: integer(0, maxSeq - 1),
    count: integer(1, maxTasksPerChunk),
    spec: taskSpec,
    ageMs: ms,
    delayMs: ms,
    lengths,
    payload: blob(maxFrameBytes),
  },
  {
    check({ first, count, lengths, payload }) {
      if (first + count > maxSeq) throw new Problem(`a number of ${maxSeq} or more`)
      checkLengths(lengths, count, payload.length, maxPayloadBytes)
    },
  },
)

export const chunks = list(chunk, maxGroupsPerMessage)

const outcomeKinds = {
  done: wire.ValueKind.DONE,
  failed: wire.ValueKind.FAILED,
  cancelled: wire.ValueKind.CANCELLED,
}

const values = record<Values>(
  wire.ValuesSchema,
  {
    seqs: ranges,
    kind: choice({ pending: wire.ValueKind.PENDING, ...outcomeKinds }),
    failures: uint32,
    delayMs: ms,
    reason: choice({
      '': wire.FailedReason.UNSPECIFIED,
      attempts: wire.FailedReason.ATTEMPTS,
      unrecoverable: wire.FailedReason.UNRECOVERABLE,
      deliveries: wire.FailedReason.DELIVERIES,
      timeout: wire.FailedReason.TIMEOUT,
      expired: wire.FailedReason.EXPIRED,
      result: wire.FailedReason.RESULT,
    }),
    by: peerIdOrNone,
    lengths,
    body: blob(maxFrameBytes),
  },
  {
    check({ seqs, kind, reason, lengths, body }) {
      if ((kind === 'failed') !== (reason !== '')) {
        throw new Problem(`reason '${reason}' of kind ${kind}`)
      }
      checkLengths(lengths, countOf(seqs), body.length, maxResultBytes)
    },
  },
)

export const valuesList = list(values, maxGroupsPerMessage)

export const acceptedValues = record<AcceptedValues>(wire.AcceptedValuesSchema, { ballot, values })

export const refusal = record<Refusal>(wire.RefusalSchema, {
  reason: choice({
    settled: wire.RefusalReason.SETTLED,
    'not-due': wire.RefusalReason.NOT_DUE,
    blocked: wire.RefusalReason.BLOCKED,
    held: wire.RefusalReason.HELD,
    behind: wire.RefusalReason.BEHIND,
    missing: wire.RefusalReason.MISSING,
    leap: wire.RefusalReason.LEAP,
  }),
  seqs: ranges,
  ms,
  counter: uint32,
})

const decidedRange = record<DecidedRange>(wire.DecidedRangeSchema, {
  ballot,
  kind: choice(outcomeKinds),
  seqs: ranges,
  values: valuesList,
})

export const outcomes = list(decidedRange, maxGroupsPerMessage)

export const heldLease = record<HeldLease>(wire.HeldLeaseSchema, {
  ledger: ledgerId,
  claimId: uint32,
  ballot,
  seqs: ranges,
})

export const lostLease = record<LostLease>(wire.LostLeaseSchema, {
  ledger: ledgerId,
  claimId: uint32,
  seqs: ranges,
})
