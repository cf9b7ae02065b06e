import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/*
 * Makes src/wire/generated from src/wire/meshwork.proto, without a network. With `--check` it
 * only says, by its exit code, whether that is up to date.
 */

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const protoDir = join(root, 'src/wire')
const generated = join(root, 'src/wire/generated/meshwork_pb.ts')

/** Longest time that the generator may take, in milliseconds. */
const timeoutMs = 60_000

/** The generated codec as it should be. Erasable TypeScript, formatted like the rest. */
export async function generate(): Promise<string> {
  const out = await mkdtemp(join(tmpdir(), 'meshwork-generate-'))
  try {
    const template = {
      version: 'v2',
      plugins: [
        {
          local: [
            process.execPath,
            join(root, 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es'),
          ],
          out: '.',
          opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
        },
      ],
    }
    const buf = join(root, 'node_modules/@bufbuild/buf/bin/buf')
    await run(
      process.execPath,
      [buf, 'generate', protoDir, '-o', out, '--template', JSON.stringify(template)],
      { timeout: timeoutMs, env: { ...process.env, BUF_CACHE_DIR: join(out, 'cache') } },
    )
    const file = join(out, 'meshwork_pb.ts')
    const oxfmt = join(root, 'node_modules/oxfmt/bin/oxfmt')
    await run(process.execPath, [oxfmt, '-c', join(root, '.oxfmtrc.json'), file], {
      timeout: timeoutMs,
      cwd: out,
    })
    return await readFile(file, 'utf8')
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

/** The generated codec as it is in the source tree. */
export function committed(): Promise<string> {
  return readFile(generated, 'utf8')
}

if (import.meta.main) {
  const code = await generate()
  if (!process.argv.includes('--check')) {
    await writeFile(generated, code)
  } else if (code !== (await committed())) {
    console.error('src/wire/generated is not up to date: npm run generate')
    process.exitCode = 1
  }
}
