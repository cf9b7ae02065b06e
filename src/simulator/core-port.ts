import * as machine from '../core/machine.ts'

/** The functions of the core that a simulation runs. */
export type CorePort = Pick<
  typeof machine,
  'createMachine' | 'replay' | 'start' | 'stepAll' | 'wakeAt' | 'checkpoint'
>

/** The protocol as it is. */
export const realCore: CorePort = machine
