import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.velocity.Template;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.event.EventCartridge;
import org.apache.velocity.runtime.RuntimeInstance;

/**
 * Velocity's arm of `cargo xtask bench vtl`: for each line `render N` or `parse N` does so N times and answers the nanoseconds of one, in
 * processor time of this thread: compiling and collecting garbage go on in others and are not counted.
 * Arguments: the template, the body, the expected output.
 */
public class VelocityArm {
    // What does not depend on the body is made once.
    static final Map<String, Map<String, Object>> PARAMETERS =
        Map.of("path", Map.of(), "querystring", Map.of("channel", "web"), "header", Map.of());
    static final Map<String, Object> CONTEXT =
        Map.of("requestId", "r-1", "stage", "prod", "identity", Map.of("sourceIp", "192.0.2.7"));
    static final Map<String, Object> STAGE_VARIABLES = Map.of("table", "orders");
    static final ApigwOracle.Util UTIL = new ApigwOracle.Util();
    static final ApigwOracle.Blank BLANK = new ApigwOracle.Blank();

    static Template template;
    static String body;
    static String expected;
    static Object document;

    static Template compile(String text) throws Exception {
        RuntimeInstance runtime = new RuntimeInstance();
        runtime.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        runtime.setProperty("velocimacro.library", "");
        runtime.setProperty("directive.foreach.maxloops", "1000");
        runtime.init();
        Template compiled = new Template();
        compiled.setName("mapping");
        compiled.setRuntimeServices(runtime);
        compiled.setData(runtime.parse(new StringReader(text), "mapping"));
        compiled.initDocument();
        return compiled;
    }

    static void render() throws Exception {
        VelocityContext context = new VelocityContext();
        EventCartridge handlers = new EventCartridge();
        handlers.addEventHandler(BLANK);
        handlers.attachToContext(context);
        context.put("input", new ApigwOracle.Input(body, PARAMETERS));
        context.put("util", UTIL);
        context.put("context", CONTEXT);
        context.put("stageVariables", STAGE_VARIABLES);
        StringWriter out = new StringWriter(expected.length());
        template.merge(context, out);
        if (!out.toString().equals(expected)) throw new IllegalStateException("another output:\n" + out);
    }

    static double measure(String task, int calls) throws Exception {
        var threads = ManagementFactory.getThreadMXBean();
        long started = threads.getCurrentThreadCpuTime();
        if (task.equals("render")) {
            for (int i = 0; i < calls; i++) render();
        } else {
            for (int i = 0; i < calls; i++) document = ApigwOracle.parse(body);
        }
        return (threads.getCurrentThreadCpuTime() - started) / (double) calls;
    }

    public static void main(String[] files) throws Exception {
        template = compile(Files.readString(Path.of(files[0])));
        body = Files.readString(Path.of(files[1]));
        expected = Files.readString(Path.of(files[2]));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] words = line.split(" ");
            System.out.println(measure(words[0], Integer.parseInt(words[1])));
        }
    }
}
