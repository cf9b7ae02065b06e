import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { basename, dirname, join, normalize, sep } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** The folders of src/ that each one may import, and those of which only types. */
interface Layer {
  readonly may: readonly string[]
  readonly types?: readonly string[]
}

// The files directly in src/ are the layer `node`: they compose the others.
const layers: Readonly<Record<string, Layer>> = {
  core: { may: [] },
  wire: { may: ['core'] },
  time: { may: [] },
  driver: { may: ['core', 'time'] },
  store: { may: ['core'], types: ['driver'] },
  blobs: { may: ['core', 'time'], types: ['driver'] },
  libp2p: { may: ['core', 'wire', 'blobs'], types: ['driver'] },
  shell: { may: [], types: ['blobs'] },
  worker: { may: ['core', 'time', 'blobs', 'shell'], types: ['driver', 'node'] },
  simulator: { may: ['core', 'wire'] },
  doctor: { may: ['wire', 'store', 'libp2p', 'node'] },
  node: {
    may: [
      'core',
      'wire',
      'time',
      'driver',
      'store',
      'blobs',
      'libp2p',
      'shell',
      'worker',
      'doctor',
    ],
  },
  testing: {
    may: ['core', 'wire', 'time', 'driver', 'store', 'blobs', 'worker', 'simulator', 'node'],
  },
  cli: { may: ['index', 'testing/index', 'shell'] },
  dashboard: { may: ['index'] },
}

const fileLinesMax = 400

async function filesOf(...patterns: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob(patterns, { cwd: root })) {
    if (!/generated|node_modules|\.dist-/.test(file)) files.push(file.split(sep).join('/'))
  }
  return files.toSorted()
}

function read(file: string): Promise<string> {
  return readFile(join(root, file), 'utf8')
}

function layerOf(file: string): string {
  const [, first = '', ...rest] = file.split('/')
  return rest.length > 0 ? first : 'node'
}

/** The relative imports of a source file, and whether each takes types only. */
function importsOf(source: string): { specifier: string; typeOnly: boolean }[] {
  const pattern =
    /(?:^|\n)\s*(import|export)\s(type\s)?[^;'"]*?from '(\.[^']+)'|import\('(\.[^']+)'\)/g
  return [...source.matchAll(pattern)].map(([, , type, from, dynamic]) => ({
    specifier: from ?? dynamic ?? '',
    typeOnly: type !== undefined,
  }))
}

function mayImport(file: string, target: string, typeOnly: boolean): boolean {
  const from = layerOf(file)
  const to = layerOf(target)
  const { may, types = [] } = layers[from] ?? { may: [] }
  if (from === to) return true
  // Entry points are files, as users have them.
  if (may.some(one => target === `src/${one}.ts`)) return true
  return may.includes(to) || (typeOnly && types.includes(to))
}

test('imports follow the layers', async () => {
  const wrong: string[] = []
  for (const file of await filesOf('src/**/*.ts')) {
    for (const { specifier, typeOnly } of importsOf(await read(file))) {
      const target = normalize(join(dirname(file), specifier))
        .split(sep)
        .join('/')
      if (!mayImport(file, target, typeOnly)) wrong.push(`${file} imports ${specifier}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('the core imports nothing from outside', async () => {
  const wrong: string[] = []
  for (const file of await filesOf('src/core/**/*.ts')) {
    for (const [, specifier] of (await read(file)).matchAll(/from '([^.'][^']*)'/g)) {
      wrong.push(`${file} imports ${specifier}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('every folder of src has its place among the layers', async () => {
  const folders = new Set((await filesOf('src/*/**/*.ts')).map(layerOf))
  assert.deepEqual(
    [...folders].filter(folder => layers[folder] === undefined),
    [],
  )
})

test('a layer rule that is broken is noticed', () => {
  assert.equal(mayImport('src/core/voter.ts', 'src/wire/codec.ts', false), false)
  assert.equal(mayImport('src/store/journal.ts', 'src/driver/ports.ts', true), true)
  assert.equal(mayImport('src/store/journal.ts', 'src/driver/ports.ts', false), false)
  assert.equal(mayImport('src/cli/main.ts', 'src/node.ts', false), false)
  assert.equal(mayImport('src/cli/main.ts', 'src/index.ts', false), true)
  const source = "import {\n  a,\n} from './a.ts'\nimport type { B } from '../b.ts'\n"
  assert.deepEqual(importsOf(source), [
    { specifier: './a.ts', typeOnly: false },
    { specifier: '../b.ts', typeOnly: true },
  ])
})

test('files are short and named by their idea', async () => {
  const wrong: string[] = []
  for (const file of await filesOf('src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.ts')) {
    const lines = (await read(file)).split('\n').length
    if (lines > fileLinesMax * 1.25) wrong.push(`${file} has ${lines} lines`)
    const name = basename(file).replace(/(\.test|\.sim)?(\.d)?\.ts$/, '')
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) wrong.push(`${file} is not in kebab-case`)
    if (/^(utils?|helpers?|common|types|misc)$/.test(name)) wrong.push(`${file} names no idea`)
  }
  assert.deepEqual(wrong, [])
})

test('nothing names a place of one machine, or work to be done', async () => {
  const forbidden: readonly RegExp[] = [
    /(?<![\w.~-])\/(?:home|root|work|Users)\/\w/,
    /\b(?:TODO|FIXME|XXX)\b/,
    /\bregistry\.[a-z]/,
  ]
  const patterns = ['src', 'test', 'scripts', 'docs', '.ci'].map(folder => `${folder}/**/*`)
  const wrong: string[] = []
  for (const file of await filesOf(...patterns, '*.md', '*.json', '.ci/run')) {
    if (file === 'test/tidy.test.ts') continue
    const text = await read(file).catch(() => '')
    for (const pattern of forbidden) {
      const found = pattern.exec(text)
      if (found !== null) wrong.push(`${file} says ${found[0]}`)
    }
  }
  assert.deepEqual(wrong, [])
})

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly resolved?: string; readonly hasInstallScript?: boolean }>
  >
}

test('install scripts run only for packages that the manifest names', async () => {
  const lock = JSON.parse(await read('package-lock.json')) as LockFile
  const manifest = JSON.parse(await read('package.json')) as {
    readonly allowScripts: Readonly<Record<string, boolean>>
  }
  const scripted = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
  assert.deepEqual(
    scripted.toSorted(),
    Object.keys(manifest.allowScripts).toSorted(),
    'allowScripts in package.json and install scripts in package-lock.json differ',
  )
})

test('the lock file names no place to download from', async () => {
  const lock = JSON.parse(await read('package-lock.json')) as LockFile
  const resolved = Object.values(lock.packages).filter(entry => entry.resolved !== undefined)
  assert.deepEqual(resolved, [])
})

test('every dependency has its reason in the architecture', async () => {
  const manifest = JSON.parse(await read('package.json')) as {
    readonly dependencies: Readonly<Record<string, string>>
    readonly devDependencies: Readonly<Record<string, string>>
  }
  const text = await read('docs/ARCHITECTURE.md')
  const names = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]
  assert.deepEqual(
    names.filter(name => !text.includes(`\`${name}\``)),
    [],
  )
})
