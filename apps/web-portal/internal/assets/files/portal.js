// Live pages, countdowns and small conveniences. Every page works without this script.
(() => {
  'use strict';
  const root = document.documentElement;
  root.classList.add('js');
  let timer = 0;
  let idleTimers = [];

  const seconds = (n) => (n < 60 ? `${n}초 남음` : `${Math.floor(n / 60)}분 ${n % 60}초 남음`);

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
    if (document.hidden) { document.addEventListener('visibilitychange', load, { once: true }); return; }
    try {
      const response = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const fresh = page.getElementById('main');
      if (!fresh) throw new Error('no page');
      if (response.redirected) history.replaceState(null, '', response.url);
      document.title = page.title;
      document.getElementById('main').replaceWith(document.adoptNode(fresh));
      document.body.dataset.reload = page.body.dataset.reload || '';
      offline(false);
      start();
    } catch {
      offline(true);
      count(5, load);
    }
  }

  function offline(is) { document.querySelector('[data-offline]').hidden = !is; }

  // idle tells beforehand that the session ends.
  function idle() {
    idleTimers.forEach(clearTimeout);
    const total = Number(document.body.dataset.idle || 0);
    const notice = document.querySelector('[data-idle-notice]');
    if (!total) return;
    notice.hidden = true;
    const before = Math.min(120, Math.floor(total / 2));
    idleTimers = [
      setTimeout(() => {
        notice.textContent = '';
        const keep = document.createElement('button');
        keep.type = 'button';
        keep.className = 'button';
        keep.textContent = '계속 이용하기';
        keep.addEventListener('click', () => { fetch('/session', { cache: 'no-store' }).then(idle, () => offline(true)); });
        notice.append(`${Math.round(before / 60) || 1}분 뒤에 자동으로 로그아웃됩니다. `, keep);
        notice.hidden = false;
      }, (total - before) * 1000),
      setTimeout(() => {
        notice.textContent = '사용하지 않아 로그아웃되었습니다. 입력하신 내용은 다시 로그인하신 뒤에 이어서 보내실 수 있습니다.';
        notice.hidden = false;
      }, total * 1000),
    ];
  }

  function start() {
    const again = document.querySelector('form[data-retry]');
    const reload = Number(document.body.dataset.reload || 0);
    if (again) count(Number(again.dataset.retry), () => again.requestSubmit());
    else if (reload) count(reload, load);
    idle();
  }

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post') return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = '1';
    form.setAttribute('aria-busy', 'true');
  });
  addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach((form) => {
    delete form.dataset.sent;
    form.removeAttribute('aria-busy');
  }));
  document.addEventListener('change', (event) => { if (event.target.matches('[data-submit]')) event.target.form.requestSubmit(); });
  document.addEventListener('click', (event) => { if (event.target.closest('[data-print]')) print(); });
  addEventListener('offline', () => offline(true));
  addEventListener('online', () => { offline(false); start(); });
  start();
})();
