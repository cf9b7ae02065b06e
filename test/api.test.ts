import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as api from '../src/index.ts'
import * as testing from '../src/testing/index.ts'

test('the package exports these values', () => {
  assert.deepEqual(Object.keys(api).toSorted(compare), [
    'BlobCorruptError',
    'BlobUnavailableError',
    'FileChangedError',
    'HandlerModuleError',
    'InvalidInputError',
    'InvalidParametersError',
    'LeaseLostError',
    'ListenFailedError',
    'NoRoomAtPeersError',
    'NoSpaceError',
    'NodeStoppedError',
    'PayloadTooLargeError',
    'QuarantinedError',
    'QuorumUnavailableError',
    'ResultExpiredError',
    'StoreClosedError',
    'StoreCorruptError',
    'StoreFailedError',
    'StoreLockedError',
    'StoreVersionError',
    'TaskCancelledError',
    'TaskExistsError',
    'TaskFailedError',
    'TaskLostError',
    'TaskNotFoundError',
    'TimeoutError',
    'UnrecoverableError',
    'createNode',
    'defineTask',
    'diagnose',
  ])
})

test('its entry point for tests exports these values', () => {
  assert.deepEqual(Object.keys(testing).toSorted(compare), [
    'CoverageTable',
    'createTestCluster',
    'faultKinds',
    'faultNames',
    'fuzz',
    'runTask',
    'simulate',
  ])
})

test('the package exports these types', async () => {
  const source = await readFile(join(import.meta.dirname, '../src/index.ts'), 'utf8')
  const names = [...source.matchAll(/export type \{([^}]*)\}/g)].flatMap(([, list = '']) =>
    list.split(',').flatMap(name => name.trim() || []),
  )
  assert.deepEqual(names.toSorted(compare), [
    'Backoff',
    'BlobSource',
    'ByteSource',
    'CancelledDetail',
    'ClaimedDetail',
    'CommandOutput',
    'CommandOutputOptions',
    'DiagnoseOptions',
    'DialBackInfo',
    'DoneDetail',
    'FailedDetail',
    'Finding',
    'FindingLevel',
    'LeaseLostDetail',
    'LinkInfo',
    'MeshBlob',
    'MeshCommands',
    'MeshNode',
    'MeshNodeEvents',
    'MeshNodeInit',
    'NodeHealth',
    'NodeInfo',
    'PeerDetail',
    'PeerInfo',
    'ProgressDetail',
    'PublishOptions',
    'QueueInfo',
    'ReadyOptions',
    'ResultOptions',
    'SetAsideDetail',
    'StrangerInfo',
    'TaskContext',
    'TaskDefinition',
    'TaskDetail',
    'TaskEvent',
    'TaskFailedReason',
    'TaskFilter',
    'TaskFunction',
    'TaskHandle',
    'TaskInfo',
    'TaskOutcome',
    'TaskState',
    'Tasks',
    'WarningDetail',
  ])
})

test('every error is told by its name', () => {
  for (const [name, value] of Object.entries(api)) {
    if (!name.endsWith('Error')) continue
    assert.equal((value as { readonly name?: unknown }).name, name)
  }
})

function compare(a: string, b: string): number {
  return a < b ? -1 : 1
}
