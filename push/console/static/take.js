// Takes over another version of a part of the page, touching only what differs: nothing moves, no focus is lost.

/** Make `old` equal to `fresh`. */
export const take = (old, fresh) => {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const olds = [...old.childNodes];
  const freshs = [...fresh.childNodes];
  freshs.forEach((child, n) => (n < olds.length ? take(olds[n], child) : old.append(child)));
  for (const gone of olds.slice(freshs.length)) gone.remove();
};

/** The same part of another page, by its id, or null. */
export const part = async (address, id, signal) => {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "error", signal });
  if (!answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.getElementById(id);
  return found && document.adoptNode(found);
};

/** Keep a part of the page as it is now, by its id: every so often while somebody looks, and when she looks again. */
export const follow = (id, everyMs, { wanted = () => true, then = () => {} } = {}) => {
  const look = async () => {
    if (document.hidden || !wanted()) return;
    const fresh = await part(location.href, id);
    if (!fresh) return;
    take(document.getElementById(id), fresh);
    then();
  };
  const tried = () => look().catch(() => {}); // once more in a while; what is old is said by `Heard`
  setInterval(tried, everyMs);
  document.addEventListener("visibilitychange", tried);
};
