package org.densenet4j.report;

import static org.densenet4j.report.Json.object;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

class HtmlPageTest {
    @TempDir private Path folder;

    private static HtmlPage page() {
        Map<String, Object> bytesAxis =
                object("type", "value", "axisLabel", object("formatter", "format:bytes"));
        HtmlPage page = HtmlPage.titled("A <report>").subtitle("x & y");
        page.keyFigure("peak", "361 MB");
        page.section("Lines").text("1 < 2");
        page.chart(
                "Memory by step",
                object(
                        "tooltip",
                        object("trigger", "axis", "valueFormatter", "format:bytes"),
                        "legend",
                        object(),
                        "xAxis",
                        object("type", "category", "data", List.of("</script>", "b", "c")),
                        "yAxis",
                        bytesAxis,
                        "series",
                        List.of(
                                object(
                                        "name",
                                        "live",
                                        "type",
                                        "line",
                                        "data",
                                        new double[] {1e6, 3e6, 2.5e6}))));
        page.section("Boxes");
        page.chart(
                "Places",
                object(
                        "tooltip",
                        object("formatter", "format:name"),
                        "xAxis",
                        object("type", "value"),
                        "yAxis",
                        bytesAxis,
                        "series",
                        List.of(
                                object(
                                        "type",
                                        "custom",
                                        "renderItem",
                                        "render:boxes",
                                        "encode",
                                        object("x", new int[] {0, 1}, "y", new int[] {2, 3}),
                                        "data",
                                        List.of(
                                                object(
                                                        "name",
                                                        "first <buffer>\n2 MB",
                                                        "value",
                                                        new double[] {0, 4, 0, 2e6}))))));
        page.foldedTable(Table.of("Numbers", "name", "bytes").row("a", 12).row("b", 7));
        return page;
    }

    @Test
    void everythingIsInThePageAndNothingMayBeLoaded() {
        String html = page().html();
        String markup = html.replaceAll("(?s)<script>.*?</script>", "");
        assertFalse(markup.matches("(?s).*<(script|link|img|iframe)[^>]*\\s(src|href)=.*"));
        assertTrue(html.contains("default-src 'none'"));
        assertTrue(html.contains("Apache"), "the library's licence travels with it");
    }

    @Test
    void textIsEscaped() {
        String html = page().html();
        assertTrue(html.contains("<h1>A &lt;report&gt;</h1>"));
        assertTrue(html.contains("1 &lt; 2"));
        assertTrue(html.contains("\\u003c/script>"), "in a chart's option");
    }

    @Test
    void aPageWithoutChartsCarriesNoLibrary() {
        assertTrue(HtmlPage.titled("t").section("s").text("x").html().length() < 10_000);
    }

    @Test
    void aBrowserDrawsTheChartsInBothColourSchemesAndOnAPhone() throws Exception {
        Path file = folder.resolve("page.html");
        page().write(file);
        try (Browser browser = Browser.open()) {
            for (boolean dark : new boolean[] {false, true}) {
                for (int width : new int[] {1200, 390}) {
                    browser.view(width, 900, dark);
                    browser.load(file);
                    String charts = "document.querySelectorAll('.chart canvas').length";
                    assertEquals("2", browser.evaluate(charts));
                    assertEquals(
                            "true",
                            browser.evaluate("document.documentElement.scrollWidth <= innerWidth"));
                    assertEquals(
                            dark ? "\"rgb(18, 22, 28)\"" : "\"rgb(246, 247, 249)\"",
                            browser.evaluate("getComputedStyle(document.body).backgroundColor"));
                }
            }
            assertEquals(List.of(), browser.errors());
        }
    }

    @Test
    void hoveringShowsValues() throws Exception {
        Path file = folder.resolve("page.html");
        page().write(file);
        try (Browser browser = Browser.open()) {
            browser.view(1200, 1600, false);
            browser.load(file);
            assertTrue(tooltip(browser, "chart1", 0.5, 0.5).contains("3 MB"));
            String box = tooltip(browser, "chart2", 0.4, 0.7);
            assertTrue(box.contains("first <buffer>") && box.contains("2 MB"), box);
            assertEquals(List.of(), browser.errors());
        }
    }

    /** The text shown when the pointer rests on a place of a chart. */
    private static String tooltip(Browser browser, String id, double right, double down)
            throws Exception {
        String box = "document.getElementById('" + id + "').getBoundingClientRect()";
        double x =
                Double.parseDouble(browser.evaluate(box + ".x + " + right + "*" + box + ".width"));
        double y =
                Double.parseDouble(browser.evaluate(box + ".y + " + down + "*" + box + ".height"));
        browser.hover(x, y);
        String text = "";
        for (int i = 0; i < 100 && text.isBlank(); i++) {
            Thread.sleep(20);
            text =
                    browser.evaluate(
                            "[...document.querySelectorAll('#"
                                    + id
                                    + " > div')].slice(1).map(d => d.innerText).join('')");
            text = text.substring(1, text.length() - 1);
        }
        return text;
    }

    @Test
    void aFailedWriteLeavesTheOldPage() throws Exception {
        Path file = folder.resolve("page.html");
        Files.writeString(file, "old");
        HtmlPage page = HtmlPage.titled("t");
        page.write(file);
        assertTrue(Files.readString(file).startsWith("<!doctype html>"));
        Path missing = folder.resolve("no/such/folder/page.html");
        IOException e = assertThrows(IOException.class, () -> page.write(missing));
        assertTrue(e.getMessage().contains("page.html"), e.getMessage());
    }
}
