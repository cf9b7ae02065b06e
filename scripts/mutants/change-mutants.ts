import { type Mutant, mutant } from './mutant.ts'

/** Bugs in the rules by which a ledger gets other voters. */
export const changeMutants: readonly Mutant[] = [
  mutant(
    'store-after-seal',
    'A sealed epoch refuses every mutation.',
    ['replace-one-settle'],
    [
      {
        file: 'office.ts',
        from: "  return ledger?.office === 'voter' ? ledger : undefined",
        to: "  return ledger?.office !== 'observer' ? ledger : undefined",
      },
    ],
  ),
  mutant(
    'observer-votes',
    'Whoever keeps a copy has no vote, though it may know of the epoch that begins.',
    [],
    [
      {
        file: 'office.ts',
        from: "  return ledger?.office === 'voter' ? ledger : undefined",
        to: "  return ledger?.office !== 'sealed' ? ledger : undefined",
      },
    ],
    { tests: ['core/observers.test.ts'] },
  ),
  mutant(
    'no-seal',
    'That a majority has accepted the next voters does not end an epoch: only a seal does.',
    ['replace-one-settle'],
    [
      {
        file: 'voter-seal.ts',
        from: '    sealLedger(voter, outbox, ledger, { ledger: id, epoch: epoch + 1, producer, voters }, now)',
        to: '    void producer',
      },
      {
        file: 'voter-seal.ts',
        from: "  const sealed = ledger.office === 'sealed' && info.epoch === epoch",
        to: '  const sealed = info.epoch === epoch',
      },
      { file: 'state-part.ts', from: "voting: ledger.office === 'voter'", to: 'voting: false' },
    ],
  ),
  mutant(
    'merge-without-promised',
    'The highest promise of a sealed majority is a promise of the new voters, too.',
    ['replace-one-cancel'],
    [
      {
        file: 'merge.ts',
        from: '    if (isAhead(ledger, page, slot, promised)) {',
        to: '    if (isAhead(ledger, page, slot, accepted)) {',
      },
    ],
    { quick: false },
  ),
  mutant(
    'merge-lowest-accepted',
    'Of what a sealed majority has accepted the highest ballot is kept.',
    ['replace-one-finish'],
    [
      {
        file: 'merge.ts',
        from: '    if (accepted.counter > (page.accepted[slot] as number)) pushRun(higher, seq, 1)',
        to: '    if (page.accepted[slot] === 0 && accepted.counter > 0) pushRun(higher, seq, 1)',
      },
    ],
  ),
  mutant(
    'one-sealed-voter',
    'A majority of the old voters must be sealed before a new one votes.',
    ['replace-one-settle'],
    [
      {
        file: 'join.ts',
        from: '>= majorityOf(before.length)',
        to: '>= Math.min(1, majorityOf(before.length))',
      },
    ],
  ),
  mutant(
    'sealed-counts-twice',
    'Only who has never begun the epoch before is one of its voters without having sealed it.',
    ['replace-one-settle', 'shrink-settle'],
    [
      {
        file: 'join.ts',
        from: "info.epoch > 1 && ledger.office === 'observer' && isAmong(before, voter)",
        to: 'isAmong(before, voter)',
      },
    ],
  ),
  mutant(
    'not-begun-is-waited-for',
    'Who has never begun the epoch before counts as one of its voters: of two that have, one may be lost.',
    [],
    [
      {
        file: 'join.ts',
        from: 'const hasNotBegun = ',
        to: 'const hasNotBegun = before.length === 0 && ',
      },
    ],
    {
      quick: false,
      seeds: { first: 9_329_083, count: 1, faults: ['swarm'] },
      tests: ['core/join.test.ts'],
    },
  ),
  mutant(
    'missing-member-blocks',
    'What may have been chosen is carried through, though a member of the present epoch is still to be installed.',
    [],
    [
      {
        file: 'resume.ts',
        from: '  if (changer.changes.get(info.ledger)?.info.epoch === info.epoch) return\n',
        to: '  if (changer.changes.has(info.ledger)) return\n',
      },
    ],
    { tests: ['core/change.test.ts'] },
  ),
  mutant(
    'told-before-sealed',
    'What a voter has told before it seals its epoch counts for nobody who follows.',
    ['twice'],
    [
      {
        file: 'join.ts',
        from: 'const isSealed = part.epoch === epoch - 1 && !part.voting',
        to: 'const isSealed = part.epoch === epoch - 1',
      },
    ],
  ),
  mutant(
    'install-newcomers-only',
    'Survivors are installed as well, from a sealed majority.',
    ['replace-one-settle'],
    [
      {
        file: 'join.ts',
        from: '    copied: false,\n    leases',
        to: '    copied: votes,\n    leases',
      },
    ],
  ),
  mutant(
    'inherited-accept',
    'What others have accepted before is no vote of the new epoch.',
    ['replace-one-minority'],
    [
      {
        file: 'voter-settle.ts',
        from: ' && !contains(inherited, seq)) {',
        to: ' && inherited.length >= 0) {',
      },
    ],
  ),
  mutant(
    'accepts-of-two-epochs',
    'Only accepts of one epoch are counted together.',
    ['replace-one-settle', 'replace-one-cancel'],
    [
      {
        file: 'settle.ts',
        from: '  if (v < 0 || accepted.epoch !== claiming.info.epoch) return',
        to: '  if (v < 0) return',
      },
      { file: 'move-claim.ts', from: '    claiming.accepts[at] = 0\n', to: '' },
    ],
  ),
  mutant(
    'grants-of-two-epochs',
    'Only grants of one epoch are counted together.',
    [],
    [
      {
        file: 'ask.ts',
        from: '  if (claimed.epoch !== claiming.info.epoch) return\n',
        to: '',
      },
    ],
    { quick: false, tests: ['core/ask.test.ts'] },
  ),
  mutant(
    'state-before-seal',
    'What a sealed voter holds leaves only once its seal is durable.',
    ['seal-crash'],
    [
      {
        file: 'voter-seal.ts',
        from: '    send(outbox, from, partOf(voter, ledger, seal, true, now), ledger.openedLsn)',
        to: '    send(outbox, from, partOf(voter, ledger, seal, true, now))',
      },
    ],
  ),
  mutant(
    'own-successor',
    'What may have been chosen already is chosen, not what one wants oneself.',
    ['race'],
    [
      {
        file: 'change.ts',
        from: '  if (change.accepted.counter > 0) change.voters = change.found',
        to: '  void change.found',
      },
    ],
  ),
  mutant(
    'elect-behind',
    'A voter accepts no next voters at a ballot below its promise.',
    ['race'],
    [
      {
        file: 'voter-elect.ts',
        from: '  const granted = same || ballot.counter > before.promised.counter',
        to: '  const granted = same || ballot.counter > 0',
      },
    ],
  ),
  mutant(
    'elect-equal-counter',
    'Of two proposers with one counter a voter follows the first.',
    ['race'],
    [
      {
        file: 'voter-elect.ts',
        from: '  const granted = same || ballot.counter > before.promised.counter',
        to: '  const granted = same || ballot.counter >= before.promised.counter',
      },
    ],
  ),
  mutant(
    'checkpoint-forgets-succession',
    'What a voter of a later epoch has promised on the next voters outlives a checkpoint.',
    ['race-checkpoint'],
    [
      {
        file: 'checkpoint.ts',
        from: "    if (begun && info.epoch > 0) yield { type: 'installed', ...info }\n",
        to: '',
      },
      {
        file: 'checkpoint.ts',
        from: "    if (successor !== undefined) yield { type: 'sealed', ...successor }\n",
        to:
          "    if (successor !== undefined) yield { type: 'sealed', ...successor }\n" +
          "    if (begun && info.epoch > 0) yield { type: 'installed', ...info }\n",
      },
    ],
  ),
  mutant(
    'told-once-is-enough',
    'A member that has told what it had sealed is asked again: it may vote by now, and be all that is left.',
    [],
    [
      {
        file: 'join.ts',
        from: '  return mayVote ? askedAt + againMs : Infinity',
        to: '  return mayVote ? Infinity : Infinity',
      },
    ],
    {
      quick: false,
      seeds: { first: 9_536_467, count: 1, faults: ['swarm'] },
      tests: ['core/join.test.ts'],
    },
  ),
]
