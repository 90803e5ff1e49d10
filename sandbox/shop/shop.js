// The pages work without this. It copies card numbers, names the chosen scenario, and lets a story grow while it is read.
(() => {
  for (const button of document.querySelectorAll('[data-copy]')) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = 'Copied';
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 1500);
    });
  }

  const chosenTitle = document.querySelector('[data-chosen-title]');
  document.addEventListener('change', ({ target }) => {
    if (target.name === 'scenario' && chosenTitle) chosenTitle.textContent = target.dataset.title;
  });
  const chosen = document.querySelector('input[name="scenario"]:checked');
  if (chosen && chosenTitle) chosenTitle.textContent = chosen.dataset.title;
  // A page that comes back from the browser's memory has the id of an order that was made.
  addEventListener('pageshow', (event) => {
    if (event.persisted && chosenTitle) location.reload();
  });

  const tale = document.querySelector('[data-story]');
  if (!tale) return;
  const story = document.getElementById('story');
  const news = document.getElementById('news');
  let asked = 0;
  let settledFor = 0;

  // Quick at first, then calm; after an end, for a while still: a webhook may come again.
  function nextIn() {
    if (settledFor > 0) return 3000;
    return asked < 40 ? 500 : 2000;
  }

  async function grow() {
    if (document.visibilityState === 'visible') {
      asked += 1;
      const response = await fetch(tale.dataset.story, { credentials: 'same-origin' });
      if (response.ok) merge(await response.text());
    }
    if (settledFor < 40) setTimeout(again, nextIn());
  }

  function again() {
    grow().catch(() => setTimeout(again, 3000));
  }

  function merge(text) {
    const fresh = new DOMParser().parseFromString(text, 'text/html').body;
    const standing = fresh.querySelector('.standing');
    if (!standing) return;
    settledFor = standing.dataset.settled === 'yes' ? settledFor + 1 : 0;
    const old = story.querySelector('.standing');
    const said = [];
    if (old.outerHTML !== standing.outerHTML) {
      if (old.querySelector('h2').textContent !== standing.querySelector('h2').textContent) {
        said.push(`${standing.querySelector('h2').textContent}.`, standing.querySelector('p').textContent);
        document.title = document.title.replace(/^[^:]*/, standing.querySelector('h2').textContent);
      }
      const hadFocus = old.contains(document.activeElement) ? document.activeElement.tagName : null;
      old.replaceWith(document.importNode(standing, true));
      if (hadFocus) story.querySelector(`.standing ${hadFocus}`)?.focus();
    }
    mergeEntries(story.querySelector('.entries'), fresh.querySelectorAll('.entry'), said);
    if (said.length > 0) news.textContent = said.join(' ');
  }

  function mergeEntries(list, entries, said) {
    const known = new Map([...list.children].map((item) => [item.dataset.key, item]));
    let place = list.firstElementChild;
    for (const entry of entries) {
      const before = known.get(entry.dataset.key);
      known.delete(entry.dataset.key);
      const item = before ?? document.importNode(entry, true);
      if (!before) {
        item.classList.add('fresh');
        said.push(`${item.querySelector('h3').textContent}.`);
      } else if (contentOf(before) !== contentOf(entry)) {
        before.replaceChildren(...document.importNode(entry, true).childNodes);
        before.className = entry.className;
      }
      if (item === place) place = place.nextElementSibling;
      else list.insertBefore(item, place);
    }
    for (const gone of known.values()) gone.remove();
  }

  // Without what the reader has unfolded.
  function contentOf(item) {
    return item.innerHTML.replaceAll(' open=""', '');
  }

  setTimeout(again, 500);
})();
