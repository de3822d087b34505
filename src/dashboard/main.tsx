import { render } from "preact";

import { App } from "./app";
import { readTheme, showTheme } from "./live/preferences";

showTheme(readTheme());
render(<App />, document.getElementById("app")!);
