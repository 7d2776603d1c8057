// TCP transfers of a given size over a link that loses data at random, as the scenario `bench-sweep` of protosim has them: a simulation for each
// LOSS:RUN among the arguments, as in 0.01:7, where RUN is the number of ns-3's random streams. A sweep is a process for each, or one for many.
#include "common.h"

using namespace peers;

namespace
{

struct Options
{
    uint64_t bytes = 1 << 20;
    std::string rate = "10Mbps";
    std::string delay = "20ms";
    bool count = false;
};

void
Transfer(const Options& options, double loss, uint64_t run, double begun)
{
    RngSeedManager::SetRun(run);
    NodeContainer nodes(2);
    const auto way = InstallInternet(nodes, "indexed");
    auto link = Link(options.rate, options.delay, "1000p");
    const auto ends = Join(link, nodes.Get(0), nodes.Get(1), 0);
    SetDefaultRoute(way, ends.first, ends.secondAddress);
    SetDefaultRoute(way, ends.second, ends.firstAddress);
    auto errors = CreateObject<RateErrorModel>();
    errors->SetUnit(RateErrorModel::ERROR_UNIT_PACKET);
    errors->SetRate(loss);
    // Streams of its own, so that a run's luck does not depend on what ran before it in the process.
    errors->AssignStreams(1);
    DynamicCast<PointToPointNetDevice>(ends.second)->SetReceiveErrorModel(errors);

    TcpDrain drain(nodes.Get(1), 5001);
    TcpBulk source(nodes.Get(0), InetSocketAddress(ends.secondAddress, 5001), Time(0), options.bytes);
    Simulator::Stop(Seconds(600));
    Run(begun, options.count);

    Say("loss", loss);
    Say("bytes", double(drain.bytes));
    Say("received_after_s", drain.last.GetSeconds());
    Say("completed_after_s", source.ended.GetSeconds());
    // In one piece, since others may write to the same pipe.
    std::fflush(stdout);
    Simulator::Destroy();
}

} // namespace

int
main(int argc, char** argv)
{
    double begun = WallSeconds();
    Options options;
    std::string congestion = "peers::FriendlyCubic";
    std::vector<std::pair<double, uint64_t>> runs;
    std::vector<char*> rest;
    for (int i = 0; i < argc; ++i)
    {
        double loss = 0;
        unsigned long run = 0;
        if (i > 0 && argv[i][0] != '-' && std::sscanf(argv[i], "%lf:%lu", &loss, &run) == 2)
        {
            runs.emplace_back(loss, run);
        }
        else
        {
            rest.push_back(argv[i]);
        }
    }
    CommandLine line(__FILE__);
    line.AddValue("bytes", "Length of a transfer", options.bytes);
    line.AddValue("rate", "Rate of the link", options.rate);
    line.AddValue("delay", "Delay of the link", options.delay);
    line.AddValue("congestion", "Class of the congestion control", congestion);
    line.AddValue("count", "Count packet-hops", options.count);
    line.Parse(int(rest.size()), rest.data());

    ConfigureTcp(4 << 20, congestion);
    for (const auto& [loss, run] : runs)
    {
        g_packetHops = 0;
        Transfer(options, loss, run, begun);
        begun = WallSeconds();
    }
    return 0;
}
