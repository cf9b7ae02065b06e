import type { Ballot } from '../../core/ballot.ts'
import type { PeerId } from '../../core/ids.ts'
import type { Message, Values, Voter } from '../../core/messages.ts'
import { type Ranges, seqsOf } from '../../core/ranges.ts'
import { pickValues } from '../../core/values.ts'

/** A message in flight, between two process starts. */
export interface Flight {
  readonly type: 'flight'
  readonly from: PeerId
  readonly fromStart: number
  readonly to: PeerId
  readonly toStart: number
  readonly message: Message
  /** How much of the sender's journal the frame shows to be durable. */
  readonly lsn: number
}

/** Something that has happened and stays true; the properties are about these. */
export type Fact =
  | {
      readonly type: 'proposed'
      readonly seq: number
      readonly ballot: Ballot
      readonly value: string
    }
  | {
      /** An accept that is durable at a voter. */
      readonly type: 'accepted'
      readonly voter: PeerId
      readonly epoch: number
      readonly seq: number
      readonly ballot: Ballot
      readonly value: string
    }
  | {
      /** Somebody takes an outcome for decided. */
      readonly type: 'decided'
      readonly by: PeerId
      readonly seq: number
      readonly value: string
    }
  | {
      /** The same, told by the ballot. */
      readonly type: 'decided-at'
      readonly by: PeerId
      readonly seq: number
      readonly ballot: Ballot
    }
  | {
      /** A voter has durably accepted who is to keep the ledger after an epoch. */
      readonly type: 'voted'
      readonly voter: PeerId
      readonly epoch: number
      readonly ballot: Ballot
      readonly next: string
    }
  | {
      /** A voter has durably ended an epoch for the sake of these next voters. */
      readonly type: 'sealed'
      readonly voter: PeerId
      readonly epoch: number
      /** The epoch in which they vote: not the next one, where the voter has missed some. */
      readonly nextEpoch: number
      readonly next: string
    }
  | {
      /** A voter has durably taken up its office in an epoch. */
      readonly type: 'installed'
      readonly voter: PeerId
      readonly epoch: number
      readonly next: string
    }
  | {
      /** Somebody takes these next voters for decided. */
      readonly type: 'successor'
      readonly by: PeerId
      readonly epoch: number
      readonly next: string
    }
  | {
      /** A voter keeps nothing of a task any more but how it has ended. */
      readonly type: 'collected'
      readonly by: PeerId
      readonly seq: number
      readonly kind: string
    }
  | { readonly type: 'run'; readonly seq: number; readonly ballot: Ballot }
  | {
      /** A claim began when these things had happened. */
      readonly type: 'began'
      readonly seq: number
      readonly ballot: Ballot
      readonly token: number
      readonly decided: boolean
    }

/** What is in the air of a cluster: messages, and what has been learnt so far. */
export type Item = Flight | Fact

/** Whether a value of this text is an outcome. */
export function isOutcome(value: string): boolean {
  return !value.startsWith('pending')
}

/** Each task of some values with a text for its value. */
export function valueTexts(values: Values, of: Ranges = values.seqs): [number, string][] {
  const texts: [number, string][] = []
  for (const seq of seqsOf(of)) {
    const one = pickValues(values, [seq, 1])
    if (one === undefined) continue
    const { kind, failures, reason, by, body } = one
    texts.push([seq, `${kind}(${failures}${reason} ${by} ${String.fromCharCode(...body)})`])
  }
  return texts
}

/** Voters in few letters. */
export function votersText(voters: readonly Voter[]): string {
  return voters.map(({ peer }) => peer).join(' ')
}

/** A ballot in few letters. */
export function ballotText({ counter, proposer }: Ballot): string {
  return `${counter}/${proposer}`
}
