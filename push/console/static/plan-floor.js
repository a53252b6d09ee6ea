// The floor itself: how large it is, and the picture that lies under it.

import { Refused } from "./plan-store.js";

export const onFloor = (plan, drawing, given, say) => {
  const sheet = document.getElementById("sheet");
  sheet?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { width_m, height_m } = sheet.elements;
    if (await plan.resize({ width_m: Number(width_m.value), height_m: Number(height_m.value) })) say("The size is saved.");
  });

  const lay = async (file) => {
    try {
      const answer = await plan.send("PUT", `${plan.path}/image`, file, { "Content-Type": file.type || "application/octet-stream" });
      plan.etag = answer.headers.get("ETag");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return say(error.message);
    }
    given.image = URL.createObjectURL(file);
    drawing.picture(given.image);
    return say("The picture lies under the plan now.");
  };

  document.getElementById("picture")?.addEventListener("change", ({ target }) => {
    const [file] = target.files;
    target.value = "";
    if (!file) return;
    if (plan.hasSize) plan.inTurn(() => lay(file));
    else say("Say first how large the floor is: the picture is stretched over it.");
  });
};
