import { readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { brotliCompressSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vitest/config'
import type { Plugin } from 'vite'
import { fixture } from './dev/fixture.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * Puts the script that chooses the theme into the head as a file of its own, before everything else: it has to run before
 * the first paint, and the console's policy allows no inline script.
 */
function themeBeforePaint(): Plugin {
  const source = readFileSync(here('./src/theme/before-paint.js'), 'utf8')
  const name = `assets/theme-${createHash('sha256').update(source).digest('base64url').slice(0, 8)}.js`
  return {
    name: 'theme-before-paint',
    configureServer(server) {
      server.middlewares.use(`/${name}`, (_request, response) => {
        response.setHeader('Content-Type', 'text/javascript')
        response.end(source)
      })
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: name, source })
    },
    transformIndexHtml: () => [{ tag: 'script', attrs: { src: `/${name}` }, injectTo: 'head-prepend' }],
  }
}

/**
 * Writes a `.br` beside every text asset, which the server sends instead: of the files as they are written, since later
 * steps of the build still fill placeholders in the code.
 */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle(options, bundle) {
      for (const name of Object.keys(bundle)) {
        if (!/\.(js|css|svg)$/.test(name)) continue
        const path = `${options.dir}/${name}`
        writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)))
      }
    },
  }
}

export default defineConfig(({ mode, command }) => ({
  plugins: [
    react(),
    tailwindcss(),
    themeBeforePaint(),
    compressed(),
    // Invented data for working on pages without a server; it lives outside `src` and never reaches a build.
    command === 'serve' && mode === 'fixture' ? fixture() : null,
  ],
  resolve: { alias: { '@': here('./src') } },
  build: {
    outDir: 'dist',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      output: {
        // What the shell needs on every page is one file: many small ones compress worse and cost a request each.
        codeSplitting: {
          groups: [
            {
              name: 'base',
              test: /node_modules\/(react|react-dom|scheduler|use-sync-external-store|clsx|@floating-ui|@base-ui\/utils|@tanstack\/(history|store|router-core|react-router|query-core|react-query)|@base-ui\/react\/(floating-ui-react|internals|utils|merge-props|use-render|csp-provider|direction-provider|menu|tooltip|toast|dialog))\//,
            },
          ],
        },
      },
    },
  },
  server: {
    // A console that runs elsewhere answers what the pages ask, unless the fixture does.
    proxy: mode === 'fixture' ? undefined : { '/bff': process.env.CLAVIGER_CONSOLE ?? 'http://localhost:3000' },
  },
  preview: {
    // As the server sends it, so that a violation shows before the server is there.
    headers: {
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    },
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['./src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    // Deadlines for what never comes; no test is about how fast it does.
    testTimeout: 120_000,
  },
}))
