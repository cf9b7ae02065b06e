import type { PeerId } from '../core/ids.ts'
import type { Finished } from '../core/inputs.ts'
import type { Agenda } from './agenda.ts'
import type { ApplicationEffect } from './application.ts'
import type { Disturbed, Violation } from './checkers/checker.ts'
import type { CorePort } from './core-port.ts'
import type { Faults } from './faults.ts'
import type { History } from './history.ts'
import type { Network } from './network.ts'
import type { SimulatedNode } from './node.ts'
import type { NodeProcess, ProcessInit } from './node-process.ts'
import type { Actor } from './observer.ts'
import type { Observers } from './observers.ts'
import type { SimulationConfig } from './options.ts'
import type { Tamper } from './tamper.ts'
import type { Trace } from './trace.ts'

/** What the parts of one simulation share. */
export interface World {
  readonly options: SimulationConfig
  readonly core: CorePort
  readonly agenda: Agenda
  readonly network: Network
  readonly nodes: readonly SimulatedNode[]
  readonly history: History
  readonly observers: Observers
  readonly trace: Trace
  readonly tamper: Tamper
  /** Global virtual time, in milliseconds. */
  readonly now: () => number
  /** The faults that are on now. */
  readonly faults: () => Faults
  /** Counts what has happened, by name; with `of`, apart for each of a kind. */
  readonly count: (name: string, of?: string) => void
  readonly report: (violation: Violation) => void
  /** A handler of a node lets nothing else of its process run. */
  readonly block: (index: number, ms: number) => void
  /** Calls at a later moment of virtual time. */
  after(ms: number, call: () => void): void
  /** The process of a peer, if one runs. */
  actorOf(peer: PeerId): Actor | undefined
  /** Handlers of a process have ended. */
  finished(actor: Actor, finished: Finished): void
  /** An effect that concerns the application of a node. */
  application(actor: Actor, effect: ApplicationEffect): void
  /** A node has found that its disk must not be used. */
  quarantined(index: number, reason: string): void
  readonly disturbed: Disturbed
  createProcess(init: ProcessInit): NodeProcess
  /** A process has ended, for whatever reason. */
  ended(node: SimulatedNode): void
}
