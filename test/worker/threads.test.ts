import { suite } from 'node:test'
import { moduleSuite } from './module-suite.ts'

suite('handlers in threads', () => {
  moduleSuite({
    isolate: 'thread',
    says: { exit: /exited with code: \d/, abort: /not supported in workers/ },
    // V8 itself would end the whole process with most of these.
    memory: ['arrays', 'numbers', 'objects', 'large', 'map', 'buffers'],
  })
})
