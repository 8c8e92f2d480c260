"""GLSL of garments: the torso's own surface, inflated, cut at a neckline, in one or two layers."""

from gpu_worker.base_models.pocket.people.shaders.light import LIGHT
from gpu_worker.base_models.pocket.people.shaders.skin import INPUT

# Garments by their place in vocabulary.WHOLE: 0 t-shirt, 1 striped t-shirt, 2 shirt, 3 suit, 4 hoodie, 5 turtleneck,
# 6 dress, 7 sweater, 8 jacket, 9 vest. Layer 1 is what is worn over layer 0.
CLOTH_FRAGMENT = (
    LIGHT
    + INPUT
    + """
uniform vec3 cloth, second; uniform int kind; uniform int layer; uniform float seed;
void main(){
  if(v_part>0.5) discard;
  vec3 n=normalize(v_normal), r=v_rest; float ax=abs(r.x), wave=(noise(r*9.0)-0.5)*0.012; bool front=r.z>0.25;
  if(r.y>(kind==5?6.25:6.0)) discard;
  float around=length(vec2(r.x,(r.z-0.17)*0.98)), wide=0.665;
  if(kind==2||kind==3||(kind==9&&layer==0)) wide=0.55;
  if(kind==7) wide=0.60; if(kind==4) wide=0.63; if(kind==8) wide=layer==0?0.64:0.60; if(kind==9&&layer==1) wide=0.72;
  float edge=around-wide+wave;
  if(kind==5) edge=0.40-(r.y-(5.74-0.33*(r.z+0.25)))-wave;
  if(kind==6){ float top=5.06+0.10*smoothstep(0.3,0.9,ax); bool strap=abs(ax-0.78-0.1*(r.y-5.4))<0.10;
    edge=strap?1.0:top-r.y; }
  if(edge<0.0) discard;
  vec3 c=layer==0&&(kind==3||kind==8||kind==9)?second:cloth; float gloss=0.0; vec3 fold=vec3(0);
  if((kind==0||kind==1||(kind==8&&layer==0))&&edge<0.055) c*=0.86+0.06*sin(atan(r.x,r.z)*160.0);
  if(kind==1){ float s=sin((r.y+wave*2.0)*19.0); c=mix(c,second,smoothstep(-0.12,0.12,s)*step(0.055,edge)); }
  if(kind==2){ float gap=(r.y-5.28)*0.30; if(front&&ax<gap) discard;
    if(front){ c*=1.0-0.22*smoothstep(0.012,0.004,abs(ax-0.1)); float b=length(vec2(r.x,mod(r.y,0.34)-0.17));
      c=mix(c,vec3(0.8),smoothstep(0.032,0.022,b)); } }
  if(kind==3&&layer==0&&front){ float tie=0.085+0.05*(5.5-r.y); float knot=smoothstep(0.02,0.0,abs(r.y-5.42));
    if(ax<tie&&r.y<5.66){ vec3 silk=mix(vec3(0.16,0.012,0.02),vec3(0.015,0.03,0.13),step(0.5,fract(seed*3.0)));
      c=silk*(0.8+0.3*step(0.5,fract((r.x+r.y)*7.0)))*(1.0-0.4*knot); gloss=0.05; } }
  if(kind==3&&layer==1){ float v=(r.y-4.62)*0.46; if(front&&ax<v) discard;
    float lapel=v+0.04+0.30*smoothstep(5.85,5.35,r.y)*smoothstep(4.6,5.2,r.y);
    if(front&&ax<lapel){ c=c*1.25+0.006; fold.x=sign(r.x)*0.25; }
    if(front) c*=1.0-0.45*smoothstep(0.022,0.0,abs(ax-lapel)); }
  if(kind==4&&front){ c*=1.0-0.22*smoothstep(0.014,0.004,ax);
    float cord=smoothstep(0.030,0.018,abs(ax-0.19-0.02*sin(r.y*9.0)))*step(4.75,r.y)*step(r.y,5.5);
    c=mix(c,vec3(0.72),cord); }
  if(kind==5||kind==7||(kind==9&&layer==1)){ float knit=sin(r.x*70.0)*0.5+sin(r.y*95.0+sin(r.x*70.0)*1.2)*0.5;
    c*=0.93+0.09*knit; fold+=vec3(cos(r.x*70.0),cos(r.y*95.0),0.0)*0.14;
    if(kind!=5&&edge<0.10) c*=0.84+0.10*sin(atan(r.x,r.z)*110.0); }
  if(kind==8&&layer==1){ float open=0.20+0.09*(5.8-r.y); if(front&&ax<open) discard;
    gloss=0.055; if(front){ c*=1.0-0.5*smoothstep(0.02,0.0,abs(ax-open-0.055));
      if(ax<open+0.03) c=vec3(0.42)*(0.5+step(0.5,fract(r.y*28.0)));
      float yoke=smoothstep(0.014,0.004,abs(r.y-5.18-0.1*ax)); c*=1.0-0.35*yoke; } }
  if(kind==9&&layer==1){ if(front&&ax<(r.y-4.95)*0.52) discard; if(ax>1.30+0.1*noise(r*6.0)) discard; }
  c*=0.90+0.18*noise(r*6.0)+0.05*(noise(r*80.0)-0.5);
  vec3 d=r*vec3(3.2,5.5,3.2)+seed; float k=kind==8||kind==3?0.8:0.55;
  fold+=k*(vec3(noise(d),noise(d+5.0),noise(d+9.0))-0.5)+0.3*(vec3(noise(d*2.7),noise(d*2.7+5.0),noise(d*2.7
    +9.0))-0.5);
  n=normalize(n+fold); c*=1.0-0.25*smoothstep(0.03,0.0,edge)*step(0.0,edge);
  colour=vec4(tone(shade(c,n,v_position,0.12,vec3(0),gloss+0.008,10.0)),1.0);
}
"""
)
