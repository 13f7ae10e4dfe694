// Live pages, countdowns and small conveniences. Every page works without this script.
(() => {
  'use strict';
  const root = document.documentElement;
  root.classList.add('js');
  let timer = 0;
  let idleTimers = [];

  const seconds = (n) => `${Math.floor(n / 60)}:${String(n % 60).padStart(2, '0')}`;

  // count shows the rest of a wait, and calls done at its end.
  function count(total, done) {
    clearInterval(timer);
    let rest = total;
    const show = () => document.querySelectorAll('[data-countdown]').forEach((e) => { e.textContent = seconds(rest); });
    show();
    timer = setInterval(() => {
      rest -= 1;
      if (rest > 0) { show(); return; }
      clearInterval(timer);
      done();
    }, 1000);
  }

  // load replaces the content by that of the same address, without losing the place.
  async function load() {
    if (document.querySelector('form[data-sent]')) { count(5, load); return; }
    if (document.hidden) { document.addEventListener('visibilitychange', load, { once: true }); return; }
    try {
      const response = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const fresh = page.getElementById('main');
      if (!fresh) throw new Error('no page');
      if (response.redirected) history.replaceState(null, '', response.url);
      document.title = page.title;
      replace(document.getElementById('main'), document.adoptNode(fresh));
      document.body.dataset.reload = page.body.dataset.reload || '';
      offline(false);
      start();
    } catch {
      offline(true);
      count(5, load);
    }
  }

  // replace puts fresh in the place of old, and the focus on the same control, or on fresh.
  function replace(old, fresh) {
    const focused = old.contains(document.activeElement) && document.activeElement;
    old.replaceWith(fresh);
    if (!focused) return;
    const same = [...fresh.querySelectorAll('a, button, input, select')].find((e) => e.outerHTML === focused.outerHTML);
    (same || fresh).focus({ preventScroll: true });
  }

  function offline(is) { document.querySelector('[data-offline]').hidden = !is; }

  // idle announces the end of the session beforehand.
  function idle() {
    idleTimers.forEach(clearTimeout);
    const total = Number(document.body.dataset.idle || 0);
    if (!total) return;
    const soon = document.querySelector('[data-idle-soon]');
    const over = document.querySelector('[data-idle-over]');
    const show = (announced, ended) => { soon.hidden = !announced; over.hidden = !ended; };
    show(false, false);
    idleTimers = [
      setTimeout(show, (total - document.body.dataset.warning) * 1000, true, false),
      setTimeout(show, total * 1000, false, true),
    ];
  }

  function start() {
    const again = document.querySelector('form[data-retry]');
    const reload = Number(document.body.dataset.reload || 0);
    if (again) count(Number(again.dataset.retry), () => again.requestSubmit());
    else if (reload) count(reload, load);
    idle();
  }

  // send submits a form as soon as the portal answers, so that an outage does not replace the page
  // and what is typed in it.
  async function send(form, button) {
    try {
      const alive = await fetch(document.querySelector('link[rel="icon"]').href, { cache: 'no-store' });
      if (!alive.ok) throw new Error('no portal');
      offline(false);
      form.dataset.sent = 'now';
      form.requestSubmit(button);
    } catch {
      offline(true);
      setTimeout(send, 3000, form, button);
    }
  }

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post') return;
    if (form.dataset.sent === 'now') { form.dataset.sent = 'done'; return; }
    event.preventDefault();
    if (form.dataset.sent) return;
    form.dataset.sent = 'soon';
    form.setAttribute('aria-busy', 'true');
    send(form, event.submitter);
  });
  addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach((form) => {
    delete form.dataset.sent;
    form.removeAttribute('aria-busy');
  }));
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-print]')) print();
    if (event.target.closest('[data-keep]')) fetch('/session', { cache: 'no-store' }).then(idle, () => offline(true));
  });
  addEventListener('offline', () => offline(true));
  addEventListener('online', () => { offline(false); start(); });
  start();
})();
