import { isFaultFree, saneClocks, type Faults } from '../faults.ts'
import type { History } from '../history.ts'
import { AcknowledgedIsHeld } from './acknowledged-is-held.ts'
import { BallotCarriesOneValue } from './ballot-carries-one-value.ts'
import type { Checker, CheckerContext, Violation } from './checker.ts'
import { DurableBeforeSent } from './durable-before-sent.ts'
import { NumberedOnce } from './numbered-once.ts'
import { OneChosenValue } from './one-chosen-value.ts'
import { OutcomesAgree } from './outcomes-agree.ts'
import { OutcomesAreValid } from './outcomes-are-valid.ts'
import { PayloadsAreKept } from './payloads-are-kept.ts'
import { NoRunAfterDecision, OneHolder, StartsAreGranted, TokensGrow } from './runs.ts'
import { VotersKeepTheirWord } from './voters-keep-their-word.ts'

/** What checkers need of a simulation. */
export interface CheckersInit {
  readonly history: History
  readonly now: () => number
  readonly report: (violation: Violation) => void
  readonly maxDeliveries: number
  readonly faults: Faults
}

/** All checkers of one simulation. */
export function createCheckers(init: CheckersInit): Checker[] {
  const context: CheckerContext = {
    history: init.history,
    now: init.now,
    report: init.report,
    maxDeliveries: init.maxDeliveries,
    saneClocks: saneClocks(init.faults),
    faultFree: isFaultFree(init.faults),
  }
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
  ]
}
