package org.densenet4j.report;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.library.LibraryFile;

import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;

/**
 * An HTML page in one file: no network, light and dark by the reader's preference, readable on a
 * phone. Charts are drawn by Apache ECharts, which is copied into the page.
 *
 * <pre>{@code
 * HtmlPage page = HtmlPage.titled("Training run").subtitle("bc-100-12 on CIFAR-10");
 * page.keyFigure("best accuracy", "94.1 %");
 * page.section("Loss");
 * page.chart("Loss of each epoch", Json.object("xAxis", ..., "series", ...));
 * page.table(table);
 * page.write(path);
 * }</pre>
 *
 * An option is what ECharts documents, as nested maps (see {@link Json}). JSON has no functions, so
 * a string of the form {@code "format:bytes"} stands for one of the page's formatters: {@code
 * bytes}, {@code seconds}, {@code number}, {@code percent} (for axis labels and {@code
 * tooltip.valueFormatter}); {@code "format:name"} shows an item's name, one line for each line of
 * it; {@code "format:first"} the first word of an axis label; {@code "palette:2"} and {@code
 * "var(--text)"} are colours of the page's scheme; {@code "render:boxes"} is a custom series of
 * rectangles [x0, x1, y0, y1].
 */
public final class HtmlPage {
    private static final int CHART_HEIGHT = 360;
    private static final String MAVEN = "/META-INF/maven/org.mvnpm/echarts/pom.properties";

    private final String title;
    private final StringBuilder figures = new StringBuilder();
    private final StringBuilder body = new StringBuilder();
    private String subtitle = "";
    private boolean inSection;
    private int charts;

    private HtmlPage(String title) {
        this.title = title;
    }

    /**
     * Starts a page.
     *
     * @param title also the name of the browser's window
     * @return an empty page
     */
    public static HtmlPage titled(String title) {
        Objects.requireNonNull(title, "title");
        return new HtmlPage(title);
    }

    /**
     * What was reported on: model, device, date.
     *
     * @param text one line below the title
     * @return this
     */
    public HtmlPage subtitle(String text) {
        Objects.requireNonNull(text, "text");
        subtitle = text;
        return this;
    }

    /**
     * A number to read first, shown large above all sections.
     *
     * @param name what it counts
     * @param value with its unit
     * @return this
     */
    public HtmlPage keyFigure(String name, String value) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(value, "value");
        figures.append("<div><dt>")
                .append(Html.escape(name))
                .append("</dt><dd>")
                .append(Html.escape(value))
                .append("</dd></div>\n");
        return this;
    }

    /**
     * Starts a section.
     *
     * @param heading of the section
     * @return this
     */
    public HtmlPage section(String heading) {
        Objects.requireNonNull(heading, "heading");
        endSection();
        inSection = true;
        body.append("<section><h2>").append(Html.escape(heading)).append("</h2>\n");
        return this;
    }

    private void endSection() {
        if (inSection) {
            body.append("</section>\n");
        }
    }

    /**
     * A paragraph.
     *
     * @param paragraph plain text
     * @return this
     */
    public HtmlPage text(String paragraph) {
        Objects.requireNonNull(paragraph, "paragraph");
        body.append("<p>").append(Html.escape(paragraph)).append("</p>\n");
        return this;
    }

    /**
     * A paragraph that must not be overlooked.
     *
     * @param paragraph plain text
     * @return this
     */
    public HtmlPage warning(String paragraph) {
        Objects.requireNonNull(paragraph, "paragraph");
        body.append("<p class=\"warning\" role=\"alert\">")
                .append(Html.escape(paragraph))
                .append("</p>\n");
        return this;
    }

    /**
     * A chart of the usual height.
     *
     * @param caption what it shows; put its numbers into a table beside it for who can't see it
     * @param option as ECharts documents it
     * @return this
     */
    public HtmlPage chart(String caption, Map<String, Object> option) {
        return chart(caption, option, CHART_HEIGHT);
    }

    /**
     * A chart.
     *
     * @param caption what it shows; put its numbers into a table beside it for who can't see it
     * @param option as ECharts documents it
     * @param height in CSS pixels
     * @return this
     */
    public HtmlPage chart(String caption, Map<String, Object> option, int height) {
        Objects.requireNonNull(caption, "caption");
        Objects.requireNonNull(option, "option");
        String id = "chart" + ++charts;
        body.append("<figure><figcaption>").append(Html.escape(caption)).append("</figcaption>");
        body.append(
                String.format(
                        Locale.ROOT,
                        "<div class=\"chart\" id=\"%s\" role=\"img\" aria-label=\"%s\""
                                + " style=\"height:%dpx\"></div>",
                        id,
                        Html.escape(caption),
                        height));
        // Inside a script element only "<" could end it.
        String json = Json.compact(option).replace("<", "\\u003c");
        body.append("<script type=\"application/json\" data-chart=\"").append(id).append("\">");
        body.append(json).append("</script></figure>\n");
        return this;
    }

    /**
     * A table.
     *
     * @param table shown whole
     * @return this
     */
    public HtmlPage table(Table table) {
        Objects.requireNonNull(table, "table");
        body.append(table.html());
        return this;
    }

    /**
     * A table that opens on a click: the numbers behind a chart.
     *
     * @param table its caption and its number of rows are what is clicked on
     * @return this
     */
    public HtmlPage foldedTable(Table table) {
        Objects.requireNonNull(table, "table");
        body.append("<details><summary>").append(Html.escape(table.caption()));
        body.append(" (").append(table.size()).append(" rows)</summary>");
        body.append(table.html()).append("</details>\n");
        return this;
    }

    /** {@return the whole document} */
    public String html() {
        String name = Html.escape(title);
        String all = body + (inSection ? "</section>\n" : "");
        String header =
                "<header><h1>" + name + "</h1><p>" + Html.escape(subtitle) + "</p></header>\n";
        String numbers = figures.isEmpty() ? "" : "<dl class=\"figures\">\n" + figures + "</dl>\n";
        // The policy forbids every request, so that a page which works is a page that works
        // offline.
        return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                + "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
                + " style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
                + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                + "<meta name=\"color-scheme\" content=\"light dark\">\n"
                + ("<title>" + name + "</title>\n")
                + ("<style>\n" + resource("page.css") + "</style></head>\n<body>\n")
                + (header + "<main>\n" + numbers + all + "</main>\n")
                + (charts > 0 ? script(echarts()) + script(resource("page.js")) : "")
                + "</body></html>\n";
    }

    /**
     * Writes the page to a file, which appears only when it is complete.
     *
     * @param path ends in {@code .html}
     * @throws IOException in one line with the path
     */
    public void write(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        AtomicFile.write(path, html());
    }

    /**
     * Writes the page into a folder.
     *
     * @param folder lists what is written
     * @param name ends in {@code .html}
     * @return its path
     * @throws IOException in one line with the path
     */
    public Path write(OutputFolder folder, String name) throws IOException {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(name, "name");
        return folder.write(name, html());
    }

    private static String script(String code) {
        return "<script>\n" + code.replace("</script", "<\\/script") + "</script>\n";
    }

    private static String echarts() {
        Properties maven = new Properties();
        try {
            maven.load(new StringReader(library(MAVEN)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String version = maven.getProperty("version");
        return library("/META-INF/resources/_static/echarts/" + version + "/dist/echarts.min.js");
    }

    private static String library(String name) {
        URL file =
                LibraryFile.find(name)
                        .orElseThrow(
                                () ->
                                        new IllegalStateException(
                                                "charts in pages need org.mvnpm:echarts; add it to"
                                                        + " your project's dependencies"));
        try (InputStream in = file.openStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String resource(String name) {
        try (InputStream in = HtmlPage.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
