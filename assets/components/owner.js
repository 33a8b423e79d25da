// Keeps the secrets of the runs that this browser steers, so that a reload steers on. Draws nothing.

const MOST = 20; // runs, the newest: a longer cookie could be too long for a connection
const DAYS = 30;

function keep(data) {
  const start = `${data.cookie}=`;
  const found = document.cookie.split("; ").find((each) => each.startsWith(start));
  const before = found ? found.slice(start.length).split("~") : [];
  const all = [...new Set([...data.runs, ...before])].slice(0, MOST);
  document.cookie = `${start}${all.join("~")}; path=/; max-age=${DAYS * 86400}; SameSite=Strict`;
  return document.cookie.includes(start);
}

// A browser that keeps no cookies ignores them, or refuses to speak of them.
export default function ({ data, setStateValue }) {
  let kept = false;
  try {
    kept = keep(data);
  } catch {}
  if (!kept && !data.forgets) setStateValue("forgets", true);
}
