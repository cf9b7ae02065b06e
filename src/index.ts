export type { BlobSource, ByteSource } from './blobs/chunks.ts'
export type { MeshBlob } from './blobs/mesh-blob.ts'
export type { MeshNodeInit, TaskFunction, Tasks } from './config.ts'
export { diagnose } from './doctor/diagnose.ts'
export type { DiagnoseOptions } from './doctor/diagnose.ts'
export type { Finding, FindingLevel } from './doctor/finding.ts'
export {
  BlobCorruptError,
  BlobUnavailableError,
  FileChangedError,
  HandlerModuleError,
  InvalidInputError,
  InvalidParametersError,
  LeaseLostError,
  ListenFailedError,
  NoRoomAtPeersError,
  NoSpaceError,
  NodeStoppedError,
  PayloadTooLargeError,
  QuarantinedError,
  QuorumUnavailableError,
  ResultExpiredError,
  StoreClosedError,
  StoreCorruptError,
  StoreFailedError,
  StoreLockedError,
  StoreVersionError,
  TaskCancelledError,
  TaskExistsError,
  TaskFailedError,
  TaskLostError,
  TaskNotFoundError,
  TimeoutError,
  UnrecoverableError,
} from './errors.ts'
export type { TaskFailedReason } from './errors.ts'
export type {
  CancelledDetail,
  ClaimedDetail,
  DoneDetail,
  FailedDetail,
  LeaseLostDetail,
  MeshNodeEvents,
  PeerDetail,
  ProgressDetail,
  SetAsideDetail,
  TaskDetail,
  WarningDetail,
} from './events.ts'
export type { MeshNode, ReadyOptions, TaskFilter } from './mesh-node.ts'
export { createNode } from './node.ts'
export type { DialBackInfo, LinkInfo, NodeHealth, StrangerInfo } from './node-health.ts'
export type { PublishOptions } from './publish-options.ts'
export type { ResultOptions, TaskEvent, TaskHandle, TaskOutcome } from './task-handle.ts'
export type { CommandOutput, CommandOutputOptions, MeshCommands } from './shell-access.ts'
export type { NodeInfo, PeerInfo, QueueInfo, TaskInfo, TaskState } from './task-info.ts'
export { defineTask } from './worker/definition.ts'
export type { Backoff, TaskContext, TaskDefinition } from './worker/definition.ts'
