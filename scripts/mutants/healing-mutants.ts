import { type Mutant, mutant, type SeedPlan } from './mutant.ts'

const losses: SeedPlan = { count: 100, faults: ['departures', 'wipes', 'leaves'] }

/** Who drives a change is gone at each step of it. */
const tests = ['simulation/interrupted-changes.test.ts']

/** Bugs in finding other voters, and in going on with what somebody has begun who is gone. */
export const healingMutants: readonly Mutant[] = [
  mutant(
    'nobody-resumes',
    'Whoever is sealed goes on with a change whose driver is gone.',
    [],
    [
      {
        file: 'resume.ts',
        from: "  openChange(changer, outbox, ledger, successor.voters, 'installing', now)",
        to: '  void now',
      },
    ],
    { tests },
  ),
  mutant(
    'chosen-not-adopted',
    'Voters that may have been chosen are chosen by anyone, if whoever began is gone.',
    [],
    [
      {
        file: 'resume.ts',
        from: "  openChange(changer, outbox, ledger, succession.voters, 'asking', now)",
        to: '  void outbox',
      },
    ],
    { tests },
  ),
  mutant(
    'gone-not-replaced',
    'Voters that are gone are replaced.',
    [],
    [
      {
        file: 'heal.ts',
        from: "    openChange(changer, outbox, ledger, next, 'copying', now)",
        to: '    void next',
      },
    ],
    { quick: false, seeds: losses },
  ),
  mutant(
    'up-again-is-no-news',
    'Who comes back may make a majority that need not wait for those that are still away.',
    [],
    [
      {
        file: 'renew.ts',
        from:
          '    // With it there may be a majority again that can go on without those that are still away.\n' +
          '    countAccepts(proposer, outbox, claiming, now)\n',
        to: '',
      },
    ],
    { seeds: { first: 9_910_254, count: 1, faults: ['swarm'] }, tests: ['core/settle.test.ts'] },
  ),
]
