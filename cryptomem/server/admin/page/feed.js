// The connection to the server's samples.

/** Samples come once a second. Without one for this many milliseconds, the
 * server or the way to it is gone, though nobody has closed the connection. */
const silence = 5000;

/** Before the page tries again where the browser would not do so by itself. */
const retry = 1000;

/** listen calls history with the samples that the server remembers, sample with
 * each new one, and lost when there is no connection. It never gives up. */
export function listen({ history, sample, lost }) {
  let source, heard;
  const open = () => {
    source?.close();
    heard = performance.now();
    source = new EventSource("events");
    source.addEventListener("error", () => {
      lost();
      if (source.readyState === EventSource.CLOSED) setTimeout(open, retry); // an answer that is no stream
    });
    source.addEventListener("history", (e) => { history(JSON.parse(e.data)); });
    source.addEventListener("sample", (e) => {
      heard = performance.now();
      sample(JSON.parse(e.data));
    });
  };
  open();
  setInterval(() => {
    if (source.readyState === EventSource.CLOSED || performance.now() - heard < silence) return;
    lost();
    open();
  }, retry);
}
