// Bulk TCP flows over one bottleneck, as the scenario `bench-dumbbell` of protosim has them: flow i starts at 10 i ms.
#include "common.h"

#include <memory>

using namespace peers;

int
main(int argc, char** argv)
{
    const double begun = WallSeconds();
    uint32_t flows = 10;
    std::string bottleneck = "100Mbps";
    std::string access = "1Gbps";
    std::string queue = "550000B";
    std::string routing = "global";
    std::string congestion = "peers::FriendlyCubic";
    double seconds = 10;
    bool count = false;
    CommandLine line(__FILE__);
    line.AddValue("flows", "How many flows, each with hosts of its own", flows);
    line.AddValue("bottleneck", "Rate of the link in the middle, whose delay is 20 ms", bottleneck);
    line.AddValue("access", "Rate of all other links, whose delay is 1 ms", access);
    line.AddValue("queue", "Drop-tail queue of the link in the middle", queue);
    line.AddValue("routing", "global, static or indexed", routing);
    line.AddValue("congestion", "Class of the congestion control", congestion);
    line.AddValue("seconds", "Simulated time", seconds);
    line.AddValue("count", "Count packet-hops", count);
    line.Parse(argc, argv);

    ConfigureTcp(4 << 20, congestion);
    NodeContainer routers(2);
    NodeContainer left(flows);
    NodeContainer right(flows);
    const auto way = InstallInternet(NodeContainer(routers, left, right), routing);
    auto middle = Link(bottleneck, "20ms", queue);
    auto edge = Link(access, "1ms", "1000p");
    const auto trunk = Join(middle, routers.Get(0), routers.Get(1), 0);
    std::vector<Ipv4Address> targets;
    for (uint32_t i = 0; i < flows; ++i)
    {
        const auto near = Join(edge, left.Get(i), routers.Get(0), 2 * i + 1);
        const auto far = Join(edge, right.Get(i), routers.Get(1), 2 * i + 2);
        targets.push_back(far.firstAddress);
        SetDefaultRoute(way, near.first, near.secondAddress);
        SetDefaultRoute(way, far.first, far.secondAddress);
        AddNeighbour(way, near.second, near.firstAddress);
        AddNeighbour(way, far.second, far.firstAddress);
    }
    SetDefaultRoute(way, trunk.first, trunk.secondAddress);
    SetDefaultRoute(way, trunk.second, trunk.firstAddress);
    FinishRouting(way);

    std::vector<std::unique_ptr<TcpDrain>> drains;
    std::vector<std::unique_ptr<TcpBulk>> sources;
    for (uint32_t i = 0; i < flows; ++i)
    {
        drains.push_back(std::make_unique<TcpDrain>(right.Get(i), 5001));
        sources.push_back(std::make_unique<TcpBulk>(left.Get(i), InetSocketAddress(targets[i], 5001), MilliSeconds(10 * i), UINT64_MAX));
    }
    Simulator::Stop(Seconds(seconds));
    Run(begun, count);

    uint64_t bytes = 0;
    for (const auto& drain : drains)
    {
        bytes += drain->bytes;
    }
    const auto waiting = DynamicCast<PointToPointNetDevice>(trunk.first)->GetQueue();
    Say("goodput_bit_per_s", 8.0 * double(bytes) / seconds);
    Say("bottleneck_offered", double(waiting->GetTotalReceivedPackets() + waiting->GetTotalDroppedPacketsBeforeEnqueue()));
    Say("bottleneck_dropped", double(waiting->GetTotalDroppedPackets()));
    return 0;
}
