// Tabs by the ARIA pattern: arrows move, one tab stop. Each names the parts of the body that it shows.

export function createTabs(list, body) {
  const tabs = [...list.querySelectorAll('[role=tab]')];
  const parts = [...body.children];

  function select(tab) {
    for (const other of tabs) {
      other.setAttribute('aria-selected', String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
    }
    const shown = tab.dataset.show.split(' ');
    for (const part of parts) part.hidden = part.tagName === 'H3' ? shown.length < 2 : !shown.includes(part.id);
    body.setAttribute('aria-labelledby', tab.id);
  }

  list.addEventListener('click', (event) => {
    const tab = event.target.closest('[role=tab]');
    if (tab) select(tab);
  });
  list.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -tabs.length, End: tabs.length }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = tabs.indexOf(document.activeElement) + by;
    const tab = tabs[Math.abs(by) === 1 ? (at + tabs.length) % tabs.length : by < 0 ? 0 : tabs.length - 1];
    select(tab);
    tab.focus();
  });
  select(tabs[0]);
}
