/**
 * Whom the retailer's own page says that she is: it leads to `/app/#user=<token>`, a JSON Web Token of its back end.
 */

/** The token that led here, taken out of the address at once: no history, link or log has it from us. */
export function tokenInAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("user");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token || undefined;
}

/** What a token calls its customer, as she knows herself: for asking only, nothing of it is believed here. */
export function nameIn(token) {
  try {
    const said = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return String(said.email ?? said.phone ?? said.sub ?? "this customer");
  } catch {
    return "this customer";
  }
}
