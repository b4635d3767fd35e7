// The picture under a receptive field: a neutral one that is drawn here, or the reader's own, which stays here.

const LONGEST = 512; // pixels of the longer side

function canvasFor(wide, tall) {
  const scale = LONGEST / Math.max(wide, tall);
  const canvas = h("canvas");
  canvas.width = Math.max(1, Math.round(wide * scale));
  canvas.height = Math.max(1, Math.round(tall * scale));
  return canvas;
}

/** A landscape as a data URL: things of several sizes, so that a box on it means something. */
function neutralPicture(wide, tall) {
  const canvas = canvasFor(wide, tall);
  const pen = canvas.getContext("2d");
  pen.scale(canvas.width / 100, canvas.height / 100);
  const sky = pen.createLinearGradient(0, 0, 0, 70);
  sky.addColorStop(0, "#7fa6c9");
  sky.addColorStop(1, "#dfe7ea");
  shape(pen, sky, [0, 0], [100, 0], [100, 100], [0, 100]);
  disc(pen, "#f2d489", 78, 20, 8);
  shape(pen, "#8b9db0", [0, 62], [18, 34], [30, 50], [46, 26], [66, 56], [82, 42], [100, 60], [100, 72], [0, 72]);
  shape(pen, "#f4f6f7", [46, 26], [40.5, 34.4], [45, 33], [48, 36], [52.5, 35.8]);
  shape(pen, "#7e9a6b", [0, 64], [30, 60], [60, 66], [100, 61], [100, 100], [0, 100]);
  shape(pen, "#94b07d", [0, 80], [40, 72], [100, 82], [100, 100], [0, 100]);
  shape(pen, "#c9b99a", [50, 100], [58, 84], [54, 74], [56, 74], [62, 84], [62, 100]);
  shape(pen, "#b5694f", [19, 62], [27, 54], [35, 62]);
  shape(pen, "#e8dfd0", [20.5, 62], [33.5, 62], [33.5, 74], [20.5, 74]);
  shape(pen, "#6d5a4b", [25, 67], [29, 67], [29, 74], [25, 74]);
  for (const [x, y, size] of [[76, 66, 9], [88, 70, 12], [8, 73, 10], [67, 63, 5]]) {
    shape(pen, "#5d4a3a", [x - size / 12, y], [x + size / 12, y], [x + size / 12, y + size / 2], [x - size / 12, y + size / 2]);
    shape(pen, "#47683f", [x, y - size], [x + size / 2.4, y + size / 6], [x - size / 2.4, y + size / 6]);
  }
  return canvas.toDataURL("image/png");
}

function shape(pen, colour, ...points) {
  pen.fillStyle = colour;
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.fill();
}

function disc(pen, colour, x, y, radius) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

/** The reader's image, its middle cut to the shape of the input. Rejects what is no image. */
async function ownPicture(file, wide, tall) {
  const image = await createImageBitmap(file);
  const canvas = canvasFor(wide, tall);
  const scale = Math.max(canvas.width / image.width, canvas.height / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  canvas.getContext("2d").drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  image.close();
  return canvas.toDataURL("image/png");
}
