/** The first paint: the whole frame of the page, before any script has run. The browser code finds its places by their ids. */

import { html } from 'hono/html';
import type { ConsoleAssets } from './bundle.ts';

/** @param words what the search box starts with */
export function renderPage({ script, style, icon }: ConsoleAssets, words: string) {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="theme-color" content="#fbfbfa" media="(prefers-color-scheme: light)">
    <meta name="theme-color" content="#141516" media="(prefers-color-scheme: dark)">
    <title>Chiasm</title>
    <link rel="icon" href=".${icon.path}" type="image/svg+xml">
    <link rel="stylesheet" href=".${style.path}">
    <script type="module" src=".${script.path}"></script>
  </head>
  <body>
    <a class="skip" href="#results">Skip to the results</a>
    <header class="top">
      <a class="mark" href="./" aria-label="Chiasm, to the whole collection">${MARK}<span>Chiasm</span></a>
      <search class="box" id="box">
        <form id="search" action="./" aria-label="Search">
          <ul class="terms" id="terms" aria-label="Terms of the search"></ul>
          <input id="words" name="q" type="text" value="${words}" placeholder="Describe what you look for, or ask?"
            aria-label="Search by words" aria-describedby="box-hint" autocomplete="off" autocapitalize="off" spellcheck="false"
            enterkeyhint="search" maxlength="2000">
          <span class="visually-hidden" id="box-hint">Enter makes a term of the words; a question mark at their end asks the collection. Pictures and sounds can be pasted or dropped here.</span>
        </form>
        <div class="box-tools" id="box-tools"></div>
      </search>
      <div class="top-tools" id="top-tools"></div>
    </header>
    <div class="progress" id="progress" hidden></div>
    <nav class="filters" id="filters" aria-label="Filters"></nav>
    <section class="asked" id="asked" aria-label="Answer" hidden></section>
    <main class="results" id="results" tabindex="-1" aria-label="Results">
      <noscript><p class="message">The console needs JavaScript. The API at <a href="./docs">/docs</a> does not.</p></noscript>
    </main>
    <div class="visually-hidden" id="announcements" role="status" aria-live="polite"></div>
  </body>
</html>`;
}

/** Two crossing nerves. */
const MARK = html`<svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true">
  <path d="M4 4c0 8 16 8 16 16" /><path d="M20 4c0 8-16 8-16 16" /><circle cx="12" cy="12" r="2.4" />
</svg>`;
