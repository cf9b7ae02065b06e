import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

/** What a script says to its last words, and its exit code. */
async function run(...words: readonly string[]): Promise<{ code: number; stderr: string }> {
  const [script, ...rest] = words
  try {
    await promisify(execFile)(process.execPath, [`scripts/${script}.ts`, ...rest])
    return { code: 0, stderr: '' }
  } catch (error) {
    return error as { code: number; stderr: string }
  }
}

const cases = [
  [['explore', '--frog'], "Unknown option '--frog'; --help tells what there is"],
  [['explore', 'extra'], "Unexpected argument 'extra'; --help tells what there is"],
  [['explore', '--shape'], '--shape needs a value; --help tells what there is'],
  [['explore', '--shape', 'frog'], "There is no shape called 'frog'; --list names all"],
  [['explore', '--max-states', '-5'], '--max-states needs a value; --help tells what there is'],
  [
    ['explore', '--max-states', '0'],
    "--max-states is '0', and must be a whole number from 1 to 20000000",
  ],
  [
    ['explore', '--max-states', 'x'],
    "--max-states is 'x', and must be a whole number from 1 to 20000000",
  ],
  [['mutants', '--mutant'], '--mutant needs a value; --help tells what there is'],
  [['mutants', '--mutant', 'frog'], "There is no mutant called 'frog'; --list names all"],
] as const

describe('words that make no sense are told in one line', () => {
  for (const [words, message] of cases) {
    it(words.join(' '), async () => {
      const { code, stderr } = await run(...words)
      assert.deepEqual({ code, stderr }, { code: 2, stderr: `error: ${message}\n` })
    })
  }
})
