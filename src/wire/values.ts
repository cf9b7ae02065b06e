import type { Ballot } from '../core/ballot.ts'
import type { TaskKey } from '../core/entries.ts'
import type { Fork } from '../core/forks.ts'
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
  choiceOrNone,
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
  text,
  ranges,
  shift,
  storageId,
  uint32,
} from './fields.ts'
import type { Field } from './fields.ts'
import { enums } from './generated/schema.ts'
import {
  maxAddresses,
  maxFrameBytes,
  maxGeneration,
  maxGroupsPerMessage,
  maxKeyBytes,
  maxPayloadBytes,
  maxResultBytes,
  maxSeq,
  maxStringBytes,
  maxTasksPerChunk,
  maxVoters,
} from './limits.ts'
import { checkLengths } from './checks.ts'
import { Problem } from './problem.ts'
import { list, optional, record } from './records.ts'

/* What messages and entries are made of. */

export const ballot = record<Ballot>(
  'Ballot',
  { counter: uint32, proposer: nodeIdOrNone },
  {
    check({ counter, proposer }) {
      if ((counter === 0) !== (proposer === '')) {
        throw new Problem(`counter ${counter} of proposer '${proposer}'`)
      }
    },
  },
)

/** A promise, which after a restart is one to nobody. */
export const promise = record<Ballot>(
  'Ballot',
  { counter: uint32, proposer: nodeIdOrNone },
  {
    check({ counter, proposer }) {
      if (counter === 0 && proposer !== '') throw new Problem(`no counter of '${proposer}'`)
    },
  },
)

export const voter = record<Voter>('Voter', { peer: peerId, storageId })

export const voters = list(voter, maxVoters)

/** What a message names first that is about a ledger. */
export const ofLedger = { ledger: ledgerId, epoch: uint32 }

/** The number that a closed ledger ends at. */
export const end = integer(0, maxSeq)

/** The end of a ledger, absent while it is open, which the core has as −1. */
export const endOrOpen: Field<number> = {
  ...end,
  write(out, tag, value) {
    if (value === -1) return
    if (value !== 0) return end.write(out, tag, value)
    out.varint(0)
    out.varint(tag)
  },
  absent: () => -1,
}

/** The fields of a `LedgerInfo`, which is also the whole of some messages. */
export const ledgerInfoFields = { ...ofLedger, producer: nodeId, voters }

export const ledgerInfo = record<LedgerInfo>('LedgerInfo', ledgerInfoFields)

export const knownPeer = record<KnownPeer>('KnownPeer', {
  peer: peerId,
  addresses: list(address, maxAddresses),
})

/** What a publisher calls a task. */
export const taskKey = record<TaskKey>('TaskKey', {
  key: text(maxKeyBytes),
  digest: text(maxStringBytes),
})

const taskClassFields = { queue, priority, requires: labels }

export const taskClass = record<TaskClass>('TaskClass', taskClassFields)

export const backlog = record<Backlog>(
  'Backlog',
  { ...taskClassFields, ageMs: ms, backlog: uint32, seqs: ranges },
  {
    check({ backlog, seqs }) {
      const count = countOf(seqs)
      if (count > backlog) throw new Problem(`${count} tasks of a backlog of ${backlog}`)
    },
  },
)

const taskSpec = record<TaskSpec>('TaskSpec', {
  ...taskClassFields,
  attempts: integer(1),
  backoff: choice(enums.backoff),
  backoffMs: ms,
  backoffMaxMs: ms,
  timeoutMs: ms,
  resultTtlMs: ms,
})

export const fork = record<Fork>('Fork', {
  ledger: ledgerId,
  shift,
  generation: integer(2, maxGeneration),
})

export const chunk = record<Chunk>(
  'Chunk',
  {
    first: integer(0, maxSeq - 1),
    count: integer(1, maxTasksPerChunk),
    spec: taskSpec,
    ageMs: ms,
    delayMs: ms,
    lengths,
    payload: blob(maxFrameBytes),
    startWithinMs: ms,
    endWithinMs: ms,
    fork: optional(fork),
  },
  {
    check({ first, count, lengths, payload, fork }) {
      if (first + count > maxSeq) throw new Problem(`a number of ${maxSeq} or more`)
      const before = first + (fork?.shift ?? 0)
      if (before < 0 || before + count > maxSeq) throw new Problem(`${before} as a number before`)
      checkLengths(lengths, count, payload.length, maxPayloadBytes)
    },
  },
)

export const chunks = list(chunk, maxGroupsPerMessage)

const { done, failed, cancelled, pending } = enums.valueKind

const values = record<Values>(
  'Values',
  {
    seqs: ranges,
    kind: choice({ pending, done, failed, cancelled }),
    failures: uint32,
    delayMs: ms,
    reason: choiceOrNone(enums.failedReason),
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

export const acceptedValues = record<AcceptedValues>('AcceptedValues', { ballot, values })

export const refusal = record<Refusal>('Refusal', {
  reason: choice(enums.refusalReason),
  seqs: ranges,
  ms,
  counter: uint32,
})

const decidedRange = record<DecidedRange>('DecidedRange', {
  ballot,
  kind: choice({ done, failed, cancelled }),
  seqs: ranges,
  values: valuesList,
})

export const outcomes = list(decidedRange, maxGroupsPerMessage)

export const heldLease = record<HeldLease>('HeldLease', {
  ledger: ledgerId,
  claimId: uint32,
  ballot,
  seqs: ranges,
})

export const lostLease = record<LostLease>('LostLease', {
  ledger: ledgerId,
  claimId: uint32,
  seqs: ranges,
})
