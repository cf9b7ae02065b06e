import { AcknowledgedIsHeld } from './acknowledged-is-held.ts'
import { BallotCarriesOneValue } from './ballot-carries-one-value.ts'
import type { Checker, CheckerContext } from './checker.ts'
import { DurableBeforeSent } from './durable-before-sent.ts'
import { LeasesAreConfirmed } from './leases-are-confirmed.ts'
import { LedgersEnd } from './ledgers-end.ts'
import { NoRunAfterDecision } from './no-run-after-decision.ts'
import { NumberedOnce } from './numbered-once.ts'
import { OneChosenValue } from './one-chosen-value.ts'
import { OneHolder } from './one-holder.ts'
import { OneSuccessor } from './one-successor.ts'
import { OutcomesAgree } from './outcomes-agree.ts'
import { OutcomesAreValid } from './outcomes-are-valid.ts'
import { PayloadsAreKept } from './payloads-are-kept.ts'
import { StartsAreGranted } from './starts-are-granted.ts'
import { TokensGrow } from './tokens-grow.ts'
import { VotersKeepTheirWord } from './voters-keep-their-word.ts'

/** All checkers of one simulation. */
export function createCheckers(context: CheckerContext): Checker[] {
  return [
    new OneChosenValue(context),
    new OutcomesAgree(context),
    new BallotCarriesOneValue(context),
    new OutcomesAreValid(context),
    new AcknowledgedIsHeld(context),
    new TokensGrow(context),
    new NoRunAfterDecision(context),
    new OneHolder(context),
    new StartsAreGranted(context),
    new VotersKeepTheirWord(context),
    new DurableBeforeSent(context),
    new PayloadsAreKept(context),
    new NumberedOnce(context),
    new LedgersEnd(context),
    new LeasesAreConfirmed(context),
    new OneSuccessor(context),
  ]
}
