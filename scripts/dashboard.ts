/** Bundles the dashboard's page from src/dashboard to dist/src/dashboard/assets: `node dist/scripts/dashboard.js`, part of `npm run build`. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

const SOURCE = join("src", "dashboard");

/** Writes the page to `folder` (under `root`), which is emptied first. */
export async function bundleDashboard(root: string, folder: string): Promise<void> {
  const target = join(root, folder);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(SOURCE, "main.tsx"), join(SOURCE, "styles", "main.css")],
    tsconfig: join(SOURCE, "tsconfig.json"),
    bundle: true,
    minify: true,
    format: "esm",
    // What preact 11 and the styles' light-dark() ask for.
    target: ["chrome123", "firefox120", "safari17.5"],
    entryNames: "[name]-[hash]",
    outdir: folder,
    outbase: SOURCE,
    metafile: true,
    legalComments: "none",
    logLevel: "warning",
  });
  const built = Object.keys(metafile.outputs).map((path) => basename(path));
  const script = built.find((name) => name.endsWith(".js"));
  const styles = built.find((name) => name.endsWith(".css"));
  if (script === undefined || styles === undefined) throw new Error(`esbuild made only ${built.join(", ")}`);
  const page = await readFile(join(root, SOURCE, "index.html"), "utf8");
  await writeFile(join(target, "index.html"), page.replace("%SCRIPT%", script).replace("%STYLES%", styles));
}

if (require.main === module) {
  bundleDashboard(process.cwd(), join("dist", "src", "dashboard", "assets")).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
