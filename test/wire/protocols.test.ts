import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  maxWireVersion,
  meshProtocols,
  minWireVersion,
  wireVersion,
} from '../../src/wire/protocols.ts'

suite('the name of a mesh', () => {
  test('picks every name that its nodes have on the network', () => {
    assert.deepEqual(meshProtocols('render-farm'), {
      control: '/meshwork/render-farm/control/1',
      query: '/meshwork/render-farm/query/1',
      blob: '/meshwork/render-farm/blob/1',
      topic: 'meshwork/render-farm/hints/1',
      serviceTag: '_mw-53c8c484cd34._udp.local',
      prefix: 'meshwork/render-farm',
    })
  })

  test('shares none of them with another', () => {
    const names = Object.values(meshProtocols('a'))
    for (const other of ['b', 'a-', 'aa']) {
      for (const name of Object.values(meshProtocols(other))) assert.ok(!names.includes(name))
    }
  })

  test('may have 63 characters', () => {
    assert.match(meshProtocols('m'.repeat(63)).serviceTag, /^_mw-[0-9a-f]{12}\._udp\.local$/)
  })

  for (const name of ['', 'm'.repeat(64), 'Mesh', 'a/b', 'a b', 'müll', 'a\n', '../a', 'a_b']) {
    test(`is not ${JSON.stringify(name)}`, () => {
      assert.throws(() => meshProtocols(name), {
        name: 'InvalidParametersError',
        message: /1 to 63 characters of a-z, 0-9 and '-'/,
      })
    })
  }
})

test('the version that is spoken is among those that are understood', () => {
  assert.ok(minWireVersion <= wireVersion && wireVersion <= maxWireVersion)
})
