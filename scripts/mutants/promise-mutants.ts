import { type Mutant, mutant } from './mutant.ts'

/** Bugs in what a ballot is, and in what promises and accepts it. */
export const promiseMutants: readonly Mutant[] = [
  mutant(
    'grant-equal-counter',
    'A ballot is promised only above the promised counter.',
    ['tie'],
    [
      {
        file: 'voter-claim.ts',
        from: "  if (ballot.counter <= promised) return refuse(verdict, 'behind', 0, promised, one)",
        to: "  if (ballot.counter < promised) return refuse(verdict, 'behind', 0, promised, one)",
      },
    ],
    { quick: false },
  ),
  mutant(
    'cancel-passes-promise',
    'A cancel passes through leases, never through promises.',
    ['cancel'],
    [
      {
        file: 'voter-claim.ts',
        from: "  if (ballot.counter <= promised) return refuse(verdict, 'behind', 0, promised, one)",
        to: "  if (run && ballot.counter <= promised) return refuse(verdict, 'behind', 0, promised, one)",
      },
    ],
  ),
  mutant(
    'regrant',
    'The same ballot is granted again only while its lease lives and nothing is accepted at it.',
    [],
    [
      {
        file: 'voter-claim.ts',
        from: '    if (live && !sameBallot(acceptedAt(ledger, page, slot), ballot)) pushRun(verdict.again, seq, 1)',
        to: '    if (live || true) pushRun(verdict.again, seq, 1)',
      },
    ],
    { quick: false, tests: ['core/voter-claim.test.ts'] },
  ),
  mutant(
    'ballot-of-an-earlier-start',
    'A node that has started again draws no ballot that it may have drawn before: tokens grow.',
    ['worker-restart'],
    [
      {
        file: 'state.ts',
        from: 'proposer: createProposer({ self: peer, node, ',
        to: "proposer: createProposer({ self: peer, node: nodeId(peer, '0'), ",
      },
    ],
  ),
  mutant(
    'accept-lower',
    'A value is accepted only at the promised ballot or at a higher counter.',
    ['overtake'],
    [
      {
        file: 'voter-settle.ts',
        from: '      ballot.counter > (page.promised[slot] as number) ||',
        to: '      ballot.counter > 0 ||',
      },
    ],
  ),
  mutant(
    'accept-without-promise',
    'To accept a ballot is to promise it.',
    ['overtake'],
    [
      {
        file: 'voter-settle.ts',
        from: '    page.promised[slot] = ballot.counter\n    page.promisedBy[slot] = proposer\n',
        to: '',
      },
    ],
  ),
  mutant(
    'win-twice',
    'One ballot carries one value: a claim is won once, later grants change nothing.',
    ['leases'],
    [
      {
        file: 'ask.ts',
        from: '    claiming.phase[at] === ASKING\n      ? tally',
        to: '    claiming.phase[at] === ASKING || claiming.phase[at] === 3\n      ? tally',
      },
    ],
  ),
  mutant(
    'grant-to-another-start',
    'A grant counts only for the very ballot that was asked for.',
    [],
    [
      {
        file: 'ask.ts',
        from: '!sameBallot(claiming.ballot, claimed.ballot)',
        to: 'claiming.ballot.counter !== claimed.ballot.counter',
      },
    ],
    { quick: false, tests: ['core/ask.test.ts'] },
  ),
  mutant(
    'accept-of-another-start',
    'An accept counts only for the very ballot that was settled.',
    [],
    [
      {
        file: 'settle.ts',
        from: '  if (claiming === undefined || accepted.ballot.proposer !== proposer.node) return',
        to: '  if (claiming === undefined) return',
      },
    ],
    { quick: false, tests: ['core/settle.test.ts'] },
  ),
]
